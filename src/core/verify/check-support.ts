import type { TrustPolicy } from "../policy/trust-policy.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";

export type FieldSupport = "enforced" | "descriptive" | "unsupported";
type SupportOfFields = Readonly<Record<keyof TrustPolicy, FieldSupport>>;

/**
 * How each field of a TrustPolicy is treated by verifyRelease. A new top-level field breaks `tsc` until it is named
 * here, and a field that isn't enforced yet refuses when it demands something: nothing is ignored.
 */
export const policySupport: SupportOfFields = {
  schema: "enforced",
  name: "descriptive",
  environment: "enforced",
  images: "enforced",
  roots: "enforced",
  signers: "enforced",
  require: "enforced",
  legacySignatures: "enforced",
  provenance: "enforced",
  sbom: "enforced",
  rebuilds: "enforced",
  tee: "enforced",
  vulnerabilities: "enforced",
  freshness: "enforced",
  revoked: "enforced",
  /** About images of others: what it covers is told apart, and admission rules are made of it. */
  thirdParty: "enforced",
};

/** POLICY_UNSUPPORTED for every field that demands what this version (or the table given) can't enforce. */
export function checkSupport(policy: TrustPolicy, support: SupportOfFields = policySupport): Checked<null> {
  const demands = (Object.keys(support) as (keyof TrustPolicy)[]).filter(
    (path) => support[path] === "unsupported" && policy[path] !== undefined,
  );
  const checked = all(
    demands.map((path) =>
      refuse("POLICY_UNSUPPORTED", {
        subject: `policy "${policy.name}", ${path}`,
        expected: "only demands that this version enforces",
        found: `a demand at ${path}`,
        remedy: `Remove ${path} from the policy, or use a version of neko-trust that enforces it.`,
      }),
    ),
  );
  return checked.ok ? proven(null) : checked;
}
