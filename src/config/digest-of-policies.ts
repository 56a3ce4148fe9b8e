import { approvalDigest } from "../core/policy/approval-digest.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { StackConfig } from "./stack-config.ts";

/** The digest that the stack's policies have now. */
export function digestOfPolicies(config: StackConfig): Digest {
  const { policy, signerRelease } = config;
  return approvalDigest({ policy, ...(signerRelease === undefined ? {} : { signerPolicy: signerRelease.policy }) });
}
