import { compare } from "semver";
import type { Digest } from "../oci/digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";

/** How a new release stands to the one before it: `rollback` is older, and the policy's exception is for it. */
export type VersionStep = "newer" | "same" | "older" | "rollback";

/** Compares two releases' versions, in semantic versioning's order; the policy's exception counts until it expires. */
export function versionStep(
  before: string,
  after: { readonly version: string; readonly digest: Digest },
  { freshness: { rollback } }: Pick<TrustPolicy, "freshness">,
  now: Date,
): VersionStep {
  const order = compare(after.version, before);
  if (order >= 0) return order === 0 ? "same" : "newer";
  const excepted = rollback?.digest === after.digest && now.getTime() < Date.parse(rollback.expires);
  return excepted ? "rollback" : "older";
}
