import { boundedReader } from "../../adapters/registry/bounded-reader.ts";
import type { RegistryClient } from "../../adapters/registry/client.ts";
import { unwrap } from "../../adapters/registry/unwrap.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { formatDigestReference } from "../../core/release/reference.ts";
import type { TdMeasurements } from "../../core/tdx/contract.ts";
import { readEvidenceDocument } from "../../core/tdx/evidence-document.ts";
import { examineOwnSignature } from "../../core/verify/examine-own-signature.ts";
import { collectReferrers } from "../collect-referrers.ts";
import type { AttestedSigner } from "./attested-signer.ts";

const limits = { bytes: 64 * 1024 * 1024, milliseconds: 60_000, calls: 4 };

/**
 * Whether an image has a signature already that this signer would make: by a machine with the same measurements, under the
 * same policy. Anybody may attach what only looks like one, so it is verified. Throws what `unwrap` throws.
 */
export async function hasOwnSignature(
  client: RegistryClient,
  { policy, trustedRoot, trust, now }: Pick<AttestedSigner, "policy" | "trustedRoot" | "trust" | "now">,
  own: TdMeasurements,
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
      if (!examined.ok) return false;
      const { report } = examined.proof.quote;
      return (["mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"] as const).every((name) => report[name] === own[name]);
    });
  } finally {
    reader.close();
  }
}
