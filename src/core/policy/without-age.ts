import type { TrustPolicy } from "./trust-policy.ts";

/** The lowest of all versions (semver.org, section 11), and the longest time that a duration can say. */
const anyAge = { minVersion: "0.0.0-0", maxAge: "999999d" } as const;

/**
 * The policy without what a release stops fulfilling by growing old: version, age, and the newest scan. Who signed it, what it
 * was built from, rebuilds and revocations are demanded as before. A proof under it is worth nothing to a component, as the
 * policy's digest is another.
 */
export function withoutAge({ vulnerabilities: _scans, ...policy }: TrustPolicy): TrustPolicy {
  return { ...policy, freshness: { ...policy.freshness, ...anyAge } };
}
