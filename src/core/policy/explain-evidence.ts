import { and, counted, or, quoted, when } from "./explanation-words.ts";
import { identityWords } from "./explain-signers.ts";
import type { ParameterFact, ParameterRule } from "./parameter-rule.ts";
import type { TrustPolicy } from "./trust-policy.ts";

const facts: Readonly<Record<ParameterFact, string>> = {
  "source.repository": "the source repository of the certificate",
  "source.ref": "the ref of the certificate",
  "source.commit": "the commit of the certificate",
  "source.narHash": "the source's NAR hash in the release manifest",
  "workflow.path": "the path of the workflow in the certificate",
  "flake.repository": "the flake's repository in the release manifest",
  "flake.commit": "the flake's commit in the release manifest",
  platform: "the platform that the provenance is about",
};

/** Builders, build types and parameters of the provenance. */
export function provenanceSentences({ provenance }: TrustPolicy): string[] {
  const { builderIds, buildTypes, externalParameters } = provenance;
  const rules = parameterSentences({ fields: externalParameters }, "");
  return [
    builderIds.length === 0
      ? "No builder is allowed."
      : `The builder has to be ${or(builderIds)}, as its certificate says.`,
    buildTypes.length === 0 ? "No build type is allowed." : `The build type has to be ${or(buildTypes)}.`,
    ...rules,
    rules.length === 0
      ? "No parameter of the build is allowed."
      : "Each of these parameters has to be there, and no other one is allowed.",
  ];
}

function parameterSentences(rule: ParameterRule, path: string): string[] {
  if ("fields" in rule) {
    return Object.entries(rule.fields).flatMap(([key, inner]) =>
      parameterSentences(inner, path === "" ? key : `${path}.${key}`),
    );
  }
  const text = (value: string | number | boolean): string => JSON.stringify(value);
  if ("equals" in rule) return [`The parameter ${path} has to be ${text(rule.equals)}.`];
  if ("oneOf" in rule) return [`The parameter ${path} has to be ${or(rule.oneOf.map(text))}.`];
  return [`The parameter ${path} has to be ${facts[rule.fact]}.`];
}

const formats = { "spdx-2.3": "SPDX 2.3", cyclonedx: "CycloneDX" } as const;

export function sbomSentences({ sbom }: TrustPolicy): string[] {
  const closure: Readonly<Record<TrustPolicy["sbom"]["closure"], string>> = {
    required: "It has to list exactly the closure whose digest the release manifest names.",
  };
  return [
    sbom.formats.length === 0
      ? "No format of an SBOM is allowed."
      : `An SBOM has to be ${or(sbom.formats.map((format) => formats[format]))}.`,
    closure[sbom.closure],
  ];
}

/** The quorum of independent rebuilds, and who may rebuild. */
export function rebuildSentences({ rebuilds, revoked }: TrustPolicy): string[] {
  const { perPlatform, rebuilders, missing } = rebuilds;
  const operators = [...new Set(rebuilders.filter(({ id }) => !revoked.includes(id)).map(({ operator }) => operator))];
  return [
    perPlatform === 0
      ? "No independent rebuild is asked for."
      : `${counted(perPlatform, "operator")} of ${operators.length} (${and(operators)}) ${perPlatform === 1 ? "has" : "have"} to have rebuilt each platform and got the same bytes.`,
    ...rebuilders.map(
      ({ id, operator, identity, location }) =>
        `"${id}" rebuilds for ${operator} and publishes at ${location}: it is ${identityWords(identity)}.${revoked.includes(id) ? " It is revoked, and counts for nothing." : ""}`,
    ),
    ...(rebuilders.length === 0
      ? []
      : ["One rebuild by any of them that got other bytes vetoes the release, where it is seen."]),
    missing === "refuse"
      ? "Every listed rebuilder has to have spoken: a release that one of them says nothing about is refused."
      : "A rebuilder that says nothing is not missed.",
  ];
}

/** Evidence of trusted execution environments: each field, in the schema's order. */
export function teeSentences({ tee }: TrustPolicy): string[] {
  if (tee === undefined) return ["No evidence of a trusted execution environment is asked for."];
  return [
    "Evidence of a trusted execution environment is asked for.",
    `The image has to be signed in a trust domain too, beside all other signatures: by the signer release ${tee.signerRelease}, which is verified first and whose manifest has the measurements RTMR1 and RTMR2.`,
    `Its firmware has to have the MRTD ${or(tee.mrtd)}, and its machine the RTMR0 ${or(tee.rtmr0)}.`,
    `The signer's policy has to have one of these digests: ${or(tee.policyDigests)}.`,
    tee.platforms.length === 0
      ? "The platform is unbound: any TDX machine that Intel vouches for counts."
      : `The platform has to be ${or(tee.platforms)} (PPID).`,
    `The platform's TCB status has to be ${or(tee.statuses)}.`,
    tee.advisoriesAllowed.length === 0
      ? "None of Intel's advisories may be open."
      : `Of Intel's advisories these may be open: ${and(tee.advisoriesAllowed)}.`,
    `The TCB evaluation number has to be ${tee.minEvaluation} or higher.`,
    "The quote has to be made at most 15 minutes after a trusted time and before another one; what Intel said then decides.",
    tee.revoked.length === 0 ? "No platform, measurement or signature is revoked." : `Revoked: ${and(tee.revoked)}.`,
  ];
}

export function vulnerabilitySentences({ vulnerabilities }: TrustPolicy): string[] {
  if (vulnerabilities === undefined) return ["No vulnerability scan is asked for."];
  const { signers, maxAge, refuse, vex } = vulnerabilities;
  return [
    `It needs a vulnerability scan by ${or(quoted(signers))}, made at most ${maxAge} ago, with a database that is no older.`,
    `A release whose newest scan lists a vulnerability of severity ${refuse} or above is refused.`,
    vex === "honour"
      ? "One that the scan says does not apply (VEX) is let pass, and named in the result."
      : "What the scan says about whether it applies (VEX) is ignored.",
  ];
}

/** Version, age, the exception for going back, and what is revoked. */
export function freshnessSentences({ freshness, revoked }: TrustPolicy, now: Date): string[] {
  const { minVersion, maxAge, rollback } = freshness;
  return [
    `The version has to be ${minVersion} or later, and the release manifest signed at most ${maxAge} ago.`,
    rollback === undefined
      ? "There is no exception for going back to an older release."
      : `As an exception one may go back to ${rollback.digest} until ${when(rollback.expires, now)}: ${rollback.reason} (approved by ${rollback.approvedBy}).`,
    revoked.length === 0 ? "Nothing is revoked." : `Revoked: ${and(revoked)}.`,
  ];
}

/** Images of others that are admitted by a waiver. */
export function thirdPartySentences({ thirdParty }: TrustPolicy, now: Date): string[] {
  if (thirdParty.length === 0) return ["No image of others is admitted."];
  return [
    "Admitted without verification, as a waiver says:",
    ...thirdParty.map(
      ({ repository, digests, namespaces, reason, expires }) =>
        `${repository} at ${and(digests)}, in the ${namespaces.length === 1 ? "namespace" : "namespaces"} ${and(namespaces)}, until ${when(expires, now)}: ${reason}`,
    ),
  ];
}
