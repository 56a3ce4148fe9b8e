import { provenanceSchema } from "../intoto/provenance-predicate.ts";
import type { Provenance } from "../intoto/provenance-predicate.ts";
import type { ParameterFact, ParameterRule } from "../policy/parameter-rule.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { ReleaseManifest } from "../release/manifest.ts";
import type { CertificateClaims } from "../sigstore/contract.ts";
import { safeParse } from "../safe-parse.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked, Finding } from "./finding.ts";
import type { TrustedStatement } from "./required-statements.ts";

function factOf(
  fact: ParameterFact,
  claims: CertificateClaims,
  manifest: ReleaseManifest,
  platform: string,
): string | undefined {
  switch (fact) {
    case "source.repository":
      return manifest.source.repository;
    case "source.commit":
      return manifest.source.commit;
    case "source.narHash":
      return manifest.source.narHash;
    case "source.ref":
      return claims.sourceRepositoryRef;
    case "flake.repository":
      return claims.sourceRepositoryUri;
    case "flake.commit":
      return claims.sourceRepositoryDigest;
    case "workflow.path":
      return /^https:\/\/github\.com\/[^/]+\/[^/]+\/(.+)@[^@]+$/.exec(claims.buildConfigUri ?? "")?.[1];
    case "platform":
      return platform;
  }
}

type Scalar = string | number | boolean;

/** External parameters against the policy's exact schema: every one is listed, every listed one is there and holds. */
function checkParameters(
  rules: Readonly<Record<string, ParameterRule>>,
  found: unknown,
  path: string,
  fact: (name: ParameterFact) => string | undefined,
): readonly Pick<Finding, "code" | "subject" | "expected" | "found" | "remedy">[] {
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    return [mismatch(path, "an object", found)];
  }
  const values = new Map<string, unknown>(Object.entries(found));
  const unknown = [...values.keys()]
    .filter((key) => !Object.hasOwn(rules, key))
    .map((key) => ({
      code: "PROVENANCE_PARAMETER_UNKNOWN" as const,
      subject: `${path}.${key}`,
      expected: `only ${Object.keys(rules).sort().join(", ") || "no parameter"}`,
      found: JSON.stringify(values.get(key)),
      remedy:
        "Review what this parameter does to the build; allow it in provenance.externalParameters or stop passing it.",
    }));
  const known = Object.entries(rules).flatMap(([key, rule]) => {
    const value = values.get(key);
    const at = `${path}.${key}`;
    if ("fields" in rule) return checkParameters(rule.fields, value, at, fact);
    const allowed: readonly (Scalar | undefined)[] =
      "equals" in rule ? [rule.equals] : "oneOf" in rule ? rule.oneOf : [fact(rule.fact)];
    return allowed.some((entry) => entry !== undefined && entry === value)
      ? []
      : [mismatch(at, allowed.map((entry) => JSON.stringify(entry ?? "absent")).join(" or "), value)];
  });
  return [...unknown, ...known];
}

function mismatch(subject: string, expected: string, value: unknown) {
  return {
    code: "PROVENANCE_PARAMETER_MISMATCH" as const,
    subject,
    expected,
    found: value === undefined ? "absent" : JSON.stringify(value),
    remedy: "Build with the parameters that the policy allows, or review and change provenance.externalParameters.",
  };
}

function workflowOf(builderId: string): string {
  const at = builderId.lastIndexOf("@");
  return at < 0 ? builderId : builderId.slice(0, at);
}

/**
 * What GitHub's build type repeats of the run (actions.github.io/buildtypes/workflow/v1, internalParameters.github), where it
 * differs from the certificate.
 */
function githubMismatches(
  internal: Provenance["buildDefinition"]["internalParameters"],
  claims: CertificateClaims,
): { what: string; expected: string | undefined; found: unknown }[] {
  const github = internal?.["github"];
  if (typeof github !== "object" || github === null) return [];
  const found = new Map<string, unknown>(Object.entries(github));
  return [
    { what: "event_name", expected: claims.buildTrigger },
    { what: "repository_id", expected: claims.sourceRepositoryId },
    { what: "repository_owner_id", expected: claims.sourceRepositoryOwnerId },
    { what: "runner_environment", expected: claims.runnerEnvironment },
  ]
    .map((entry) => ({ ...entry, found: found.get(entry.what) }))
    .filter((entry) => entry.found !== undefined && entry.found !== entry.expected);
}

/** Rule 5: one provenance, compared with the policy, the certificate (which the job can't forge) and the manifest. */
export function checkProvenance(
  statement: TrustedStatement,
  platform: string,
  manifest: ReleaseManifest,
  policy: TrustPolicy,
): Checked<Provenance> {
  const subject = `provenance ${statement.referrer}`;
  const parsed = safeParse(provenanceSchema, statement.statement.predicate);
  if (!parsed.success) {
    return refuse("PROVENANCE_INVALID", {
      subject,
      expected: "SLSA provenance v1",
      found: parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "),
      remedy: "Attach the provenance again with attest-image.",
    });
  }
  const { buildDefinition, runDetails } = parsed.data;
  const { claims } = statement;
  const checks: Checked<null>[] = [];
  const fail = (
    code: Exclude<Finding["code"], "SKIPPED">,
    expected: string,
    found: string,
    remedy = "Build and attest the release in the trusted workflow.",
  ): void => {
    checks.push(refuse(code, { subject, expected, found, remedy }));
  };
  if (!policy.provenance.buildTypes.includes(buildDefinition.buildType)) {
    fail("PROVENANCE_BUILD_TYPE_NOT_ALLOWED", policy.provenance.buildTypes.join(" or "), buildDefinition.buildType);
  }
  const builder = runDetails.builder.id;
  if (!policy.provenance.builderIds.includes(workflowOf(builder))) {
    fail("PROVENANCE_BUILDER_NOT_ALLOWED", policy.provenance.builderIds.join(" or "), builder);
  }
  if (builder !== claims.buildSignerUri) {
    fail("PROVENANCE_BUILDER_MISMATCH", `${claims.buildSignerUri ?? "absent"} (certificate .9)`, builder);
  }
  const commits = buildDefinition.resolvedDependencies.map(
    (entry) => `${entry.uri ?? "no uri"} ${entry.digest?.["gitCommit"] ?? ""}`,
  );
  const repository = claims.sourceRepositoryUri ?? "absent";
  const source = `git+${repository}@${claims.sourceRepositoryRef ?? "absent"} ${claims.sourceRepositoryDigest ?? "absent"}`;
  if (!commits.includes(source)) {
    fail(
      "PROVENANCE_SOURCE_MISMATCH",
      `resolvedDependencies with ${source} (certificate .12, .14, .13)`,
      commits.join(", "),
    );
  }
  const invocation = runDetails.metadata?.invocationId;
  if (invocation !== undefined && invocation !== claims.runInvocationUri) {
    fail(
      "PROVENANCE_SOURCE_MISMATCH",
      `invocation ${claims.runInvocationUri ?? "absent"} (certificate .21)`,
      invocation,
    );
  }
  for (const { what, expected, found } of githubMismatches(buildDefinition.internalParameters, claims)) {
    fail("PROVENANCE_SOURCE_MISMATCH", `${what} ${expected ?? "absent"} (certificate)`, JSON.stringify(found));
  }
  const fact = (name: ParameterFact) => factOf(name, claims, manifest, platform);
  const rules = policy.provenance.externalParameters;
  for (const finding of checkParameters(rules, buildDefinition.externalParameters, "externalParameters", fact)) {
    checks.push({
      ok: false,
      findings: [{ ...finding, severity: "refuse", subject: `${subject} ${finding.subject}` }],
    });
  }
  const checked = all(checks);
  return checked.ok ? proven(parsed.data) : checked;
}
