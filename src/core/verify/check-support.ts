import type { TrustPolicy } from "../policy/trust-policy.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";

/**
 * How each field of a TrustPolicy is treated by verifyRelease. A new top-level field breaks `tsc` until it is named
 * here, and a field that isn't enforced yet refuses when it demands something: nothing is ignored.
 */
export const policySupport = {
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
  rebuilds: "unsupported",
  tee: "unsupported",
  vulnerabilities: "unsupported",
  freshness: "enforced",
  revoked: "enforced",
  /** Not about releases: the admission compilers read it. */
  thirdParty: "compiled",
} as const satisfies Record<keyof TrustPolicy, "enforced" | "compiled" | "descriptive" | "unsupported">;

/** Paths of what the policy demands and this version can't enforce. Empty demands (0 rebuilds) are not demands. */
function unsupportedDemands(policy: TrustPolicy): readonly string[] {
  const demands: [boolean, string][] = [
    [policy.rebuilds.perPlatform > 0, "rebuilds.perPlatform"],
    [policy.rebuilds.rebuilders.length > 0, "rebuilds.rebuilders"],
    [policy.rebuilds.missing === "refuse", "rebuilds.missing"],
    [policy.tee !== undefined, "tee"],
    [policy.vulnerabilities !== undefined, "vulnerabilities"],
    [policy.freshness.rollback !== undefined, "freshness.rollback"],
  ];
  return demands.filter(([demanded]) => demanded).map(([, path]) => path);
}

/** POLICY_UNSUPPORTED for every field that demands what this version can't enforce. */
export function checkSupport(policy: TrustPolicy): Checked<null> {
  const checked = all(
    unsupportedDemands(policy).map((path) =>
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
