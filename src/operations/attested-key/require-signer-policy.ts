import { Failure } from "../../core/failure.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";

/** A signer's own policy can't demand the signature that it is about to make. Throws ATTESTED_POLICY_HAS_TEE (usage). */
export function requireSignerPolicy({ name, tee }: TrustPolicy): void {
  if (tee === undefined) return;
  throw new Failure({
    code: "ATTESTED_POLICY_HAS_TEE",
    kind: "usage",
    message: `The policy "${name}" demands the attested signature that is about to be made.`,
    remedy: "Give the signer's image a policy of its own without `tee`.",
  });
}
