import { Failure } from "../failure.ts";
import type { TeeRules } from "../compile/key-broker/rules.ts";
import { canonicalBytes } from "../json/canonical-json.ts";
import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import type { TrustPolicy } from "./trust-policy.ts";

/** Everything of a stack that says whom it trusts, and how strictly that is held to. */
export interface StackPolicies {
  readonly policy: TrustPolicy;
  /** The policy that the confidential signer's own release is verified under. */
  readonly signerPolicy?: TrustPolicy;
  /** Which machines, in which state, get the publishing credential from the key broker. */
  readonly tee?: TeeRules;
  /** How admission policies are placed in the stack's clusters, as the component's settings have it: any JSON value. */
  readonly admission?: unknown;
}

/** Told in the digested document, so that no document of another version has its digest. 1 had the two policies alone. */
const version = 2;

/**
 * What somebody approves who approves a stack's trust: SHA-256 of the RFC 8785 form of `{"version":2,…}` with what the stack
 * has of its policies, rules of its key broker and placement of its admission policies. What it has not is no key, so that
 * it differs from what is there and empty. Lists count in their order. The platform stack and CI's protected environment
 * keep the digest, so that a change needs the consent of both.
 */
export function approvalDigest({ policy, signerPolicy, tee, admission }: StackPolicies): Digest {
  return digestOf(
    canonicalBytes({
      version,
      policy,
      ...(signerPolicy === undefined ? {} : { signerPolicy }),
      ...(tee === undefined ? {} : { keyBroker: { tee } }),
      ...(admission === undefined ? {} : { admissionPolicies: admission }),
    }),
  );
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
        "Look at what changed in policy, key broker's rules or admission policies. If it is meant, have its digest approved: in the platform stack's file first, then `pulumi up -s platform`.",
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
