import { Failure } from "../failure.ts";
import { canonicalBytes } from "../json/canonical-json.ts";
import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import type { TrustPolicy } from "./trust-policy.ts";

/** Everything of a stack that says whom it trusts. */
export interface StackPolicies {
  readonly policy: TrustPolicy;
  /** The policy that the confidential signer's own release is verified under. */
  readonly signerPolicy?: TrustPolicy;
}

/**
 * What somebody approves who approves a stack's trust: SHA-256 of the RFC 8785 form of its policies. The platform stack
 * and CI's protected environment keep it, so that a change of a policy needs the consent of both.
 */
export function approvalDigest({ policy, signerPolicy }: StackPolicies): Digest {
  return digestOf(canonicalBytes({ policy, ...(signerPolicy === undefined ? {} : { signerPolicy }) }));
}

/** Who says which digest is approved. */
export interface Approval {
  /** In words: `NEKO_TRUST_POLICY_DIGEST of this environment`. */
  readonly by: string;
  readonly digest: string | undefined;
}

/**
 * The refusal of an update whose policies are not the approved ones, or undefined. Every approval that is there must
 * agree; one that is `required` must be there.
 */
export function approvalRefusal(
  digest: Digest,
  approvals: readonly (Approval & { readonly required: boolean })[],
): Failure | undefined {
  const others = approvals.filter((approval) => approval.digest !== undefined && approval.digest !== digest);
  if (others.length > 0) {
    return new Failure({
      code: "POLICY_NOT_APPROVED",
      kind: "refused",
      message: `This stack's trust policies have the digest ${digest}, and another one was approved.`,
      remedy:
        "Look at what changed in the policy. If it is meant, have its digest approved: in the platform stack's file first, then `pulumi up -s platform`.",
      details: others.map(({ by, digest: approved }) => `${by}: ${approved ?? ""}`),
    });
  }
  const missing = approvals.filter((approval) => approval.required && approval.digest === undefined);
  if (missing.length === 0) return undefined;
  return new Failure({
    code: "POLICY_APPROVAL_MISSING",
    kind: "refused",
    message: `Nobody says that this stack's trust policies (digest ${digest}) were approved.`,
    remedy: "Run the update from CI's protected environment, after `pulumi up -s platform` gave it the digest.",
    details: missing.map(({ by }) => by),
  });
}
