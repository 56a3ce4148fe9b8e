import { boundedReader } from "../../adapters/registry/bounded-reader.ts";
import type { RegistryClient } from "../../adapters/registry/client.ts";
import { unwrap } from "../../adapters/registry/unwrap.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { formatDigestReference } from "../../core/release/reference.ts";
import type { VerifiedQuote } from "../../core/tdx/contract.ts";
import { readEvidenceDocument } from "../../core/tdx/evidence-document.ts";
import { examineOwnSignature } from "../../core/verify/examine-own-signature.ts";
import { collectReferrers } from "../collect-referrers.ts";
import type { AttestedSigner } from "./attested-signer.ts";

const limits = { bytes: 64 * 1024 * 1024, milliseconds: 60_000, calls: 4 };

/**
 * Whether an image has a signature already that is worth what this signer would make now: of this platform, with the same
 * measurements, under the same policy, with Intel's verdict of now by statements that are no older. Anybody may boot the same
 * image elsewhere, and attach what only looks like a signature: neither keeps this signer from signing. `own` is what this
 * machine proved of itself. Throws what `unwrap` throws.
 */
export async function hasOwnSignature(
  client: RegistryClient,
  { policy, trustedRoot, trust, now }: Pick<AttestedSigner, "policy" | "trustedRoot" | "trust" | "now">,
  own: VerifiedQuote,
  { repository, digest }: { readonly repository: string; readonly digest: Digest },
): Promise<boolean> {
  const reader = boundedReader(client, repository, limits);
  try {
    const referrers = unwrap(
      await collectReferrers(reader, digest),
      `referrers of ${formatDigestReference(repository, digest)}`,
    );
    return referrers.some(({ tdxEvidence }) => {
      const read = tdxEvidence?.kind === "found" ? readEvidenceDocument(tdxEvidence.value) : undefined;
      if (read?.ok !== true) return false;
      const terms = { subject: digest, policy, trustedRoot, trust, now: now() };
      const examined = examineOwnSignature(read.document, terms);
      return examined.ok && isWorth(examined.proof.quote, own);
    });
  } finally {
    reader.close();
  }
}

function isWorth({ report, ppid, tcb }: VerifiedQuote, own: VerifiedQuote): boolean {
  return (
    (["mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"] as const).every((name) => report[name] === own.report[name]) &&
    ppid === own.ppid &&
    tcb.status === own.tcb.status &&
    tcb.evaluation >= own.tcb.evaluation
  );
}
