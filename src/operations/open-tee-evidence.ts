import type { RegistryClient } from "../adapters/registry/client.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { formatDigestReference, parseDigestReference } from "../core/release/reference.ts";
import type { Collateral } from "../core/tdx/contract.ts";
import type { TeeEvidence } from "../core/verify/evidence.ts";
import { refuse } from "../core/verify/finding.ts";
import { verifyImage } from "./verify-image.ts";

/** What a caller says of the signer, beside the policy: plain data, which threads can be given. */
export interface TeeTerms {
  /** Where the signer's release lies, and the policy without `tee` that it is verified under; its digest is the policy's. */
  readonly signer?: {
    /** `registry/path` */
    readonly image: string;
    /** The policy itself without its `tee` unless given. */
    readonly policy?: TrustPolicy;
    /** The images' own unless given. */
    readonly trustedRoot?: Uint8Array;
  };
  /** The root certificate of a lab's simulated platform; in environment local only. */
  readonly quoteRoot?: Uint8Array;
  /** Intel's collateral of today, of any platforms: it may warn. */
  readonly collateral?: readonly Collateral[];
}

export interface OpenTeeRequest {
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
  readonly now: Date;
  readonly tee: TeeTerms | undefined;
}

/**
 * Verifies the release of the signer that the policy's `tee` names, before anything that it signed is believed. Undefined
 * under a policy without `tee`. Throws as `verifyImage`; what does not verify is in the result, as a finding.
 */
export async function openTeeEvidence(
  client: RegistryClient,
  { policy, trustedRoot, now, tee: terms = {} }: OpenTeeRequest,
): Promise<TeeEvidence | undefined> {
  const { tee, ...others } = policy;
  if (tee === undefined) return undefined;
  const { signer, quoteRoot, collateral } = terms;
  const more = {
    ...(quoteRoot === undefined ? {} : { quoteRoot }),
    ...(collateral === undefined ? {} : { collateral }),
  };
  if (signer === undefined) {
    const unnamed = refuse("TEE_SIGNER_RELEASE", {
      subject: `signer release ${tee.signerRelease}`,
      expected: "the repository of the signer's release",
      found: "none named",
      remedy: "Name it: signerRelease in the stack, or --signer-image.",
    });
    return { signer: unnamed, ...more };
  }
  const { result } = await verifyImage(client, {
    reference: parseDigestReference(formatDigestReference(signer.image, tee.signerRelease)),
    policy: signer.policy ?? others,
    trustedRoot: signer.trustedRoot ?? trustedRoot,
    now,
    tee: undefined,
  });
  return { signer: result, ...more };
}
