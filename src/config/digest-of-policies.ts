import { approvalDigest } from "../core/policy/approval-digest.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { StackConfig } from "./stack-config.ts";

type Approved = Pick<StackConfig, "policy" | "signerRelease" | "keyBroker" | "admissionPolicies">;

/**
 * The digest that the stack's policies have now: whom it trusts, which machines get the publishing credential, and where and
 * how strictly its clusters are guarded.
 */
export function digestOfPolicies({ policy, signerRelease, keyBroker, admissionPolicies }: Approved): Digest {
  return approvalDigest({
    policy,
    ...(signerRelease === undefined ? {} : { signerPolicy: signerRelease.policy }),
    ...(keyBroker === undefined ? {} : { tee: keyBroker.tee }),
    ...(admissionPolicies === undefined ? {} : { admission: admissionPolicies }),
  });
}
