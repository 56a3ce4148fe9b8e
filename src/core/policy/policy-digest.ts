import { canonicalBytes } from "../json/canonical-json.ts";
import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import type { TrustPolicy } from "./trust-policy.ts";

/** SHA-256 of the policy's RFC 8785 form: equal exactly for policies that demand the same. */
export function policyDigest(policy: TrustPolicy): Digest {
  return digestOf(canonicalBytes(policy));
}
