import type { TrustPolicy } from "./trust-policy.ts";

/**
 * The same policy without what others can say of a release only after it was signed: its rebuilds, and the confidential
 * signer's signature. Under it verifies who makes those, as his own is what is lacking; it admits nothing.
 */
export function withoutLaterStatements(policy: TrustPolicy): TrustPolicy {
  const { tee: _tee, ...others } = policy;
  return { ...others, rebuilds: { perPlatform: 0, rebuilders: [], missing: "allow" } };
}
