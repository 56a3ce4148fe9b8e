import type { Digest } from "../oci/digest.ts";
import type { RootEntry } from "../sigstore/root-entries.ts";
import { checkSupport } from "../verify/check-support.ts";
import {
  freshnessSentences,
  provenanceSentences,
  rebuildSentences,
  sbomSentences,
  teeSentences,
  thirdPartySentences,
  vulnerabilitySentences,
} from "./explain-evidence.ts";
import { requirementSentences, signerSentences } from "./explain-signers.ts";
import { and, counted, or, when } from "./explanation-words.ts";
import { policyDigest } from "./policy-digest.ts";
import { policyWarnings } from "./policy-warnings.ts";
import type { TrustPolicy } from "./trust-policy.ts";

export interface ExplanationSection {
  readonly title: string;
  readonly sentences: readonly [string, ...string[]];
}

/** A policy in plain words. */
export interface PolicyExplanation {
  readonly policy: string;
  readonly environment: TrustPolicy["environment"];
  readonly digest: Digest;
  readonly sections: readonly ExplanationSection[];
  /** What is weak, each a sentence. */
  readonly warnings: readonly string[];
}

export interface ExplainContext {
  /** What dates are told relative to. */
  readonly now: Date;
  /** What the trusted root holds, where it could be read. */
  readonly root?: readonly RootEntry[];
}

/** Says in plain words what a policy trusts and demands. Every field of it is told: a change of one changes the words. */
export function explainPolicy(policy: TrustPolicy, { now, root }: ExplainContext): PolicyExplanation {
  const sections: readonly [string, readonly string[]][] = [
    ["The policy", generalSentences(policy)],
    ["Images", imageSentences(policy)],
    ["Whom it trusts, and for what", signerSentences(policy)],
    ["What each release needs", requirementSentences(policy)],
    ["Provenance", provenanceSentences(policy)],
    ["SBOM", sbomSentences(policy)],
    ["Sigstore root", rootSentences(policy, now)],
    ["Independent rebuilds", rebuildSentences(policy)],
    ["Trusted execution environment", teeSentences(policy)],
    ["Vulnerabilities", vulnerabilitySentences(policy)],
    ["Version, age and revocation", freshnessSentences(policy, now)],
    ["Images of others", thirdPartySentences(policy, now)],
    ["What this version can't enforce", supportSentences(policy)],
  ];
  return {
    policy: policy.name,
    environment: policy.environment,
    digest: policyDigest(policy),
    sections: sections.flatMap(([title, [first, ...rest]]) =>
      first === undefined ? [] : [{ title, sentences: [first, ...rest] }],
    ),
    warnings: policyWarnings(policy, now, root),
  };
}

const environments: Readonly<Record<TrustPolicy["environment"], string>> = {
  local: "Roots of the lab are accepted, and a release manifest may lack derivation and closure.",
  staging: "Roots of the lab are refused.",
  production: "Roots of the lab are refused, and no kind of evidence may be left out.",
};

function generalSentences(policy: TrustPolicy): string[] {
  const { name, schema, environment } = policy;
  return [
    `Policy "${name}" (schema ${String(schema)}) is for environment ${environment}. ${environments[environment]}`,
    `Its digest is ${policyDigest(policy)}.`,
  ];
}

function imageSentences({ images }: TrustPolicy): string[] {
  return [
    ...images.map(({ name, repository, mirrors, platforms }) => {
      const places = mirrors.length === 0 ? repository : `${repository}, or its mirror ${or(mirrors)}`;
      return `"${name}" is ${places}, for exactly ${and(platforms)}.`;
    }),
    "An image from anywhere else is refused.",
  ];
}

function rootSentences({ roots }: TrustPolicy, now: Date): string[] {
  const { sigstore, tlog, ct, tsa } = roots;
  return [
    `It pins the trusted root with sha256 ${sigstore.sha256}, fetched ${when(sigstore.fetched, now)}; it may be at most ${sigstore.maxAge} old.`,
    `A signature needs ${counted(tlog, "distinct transparency log")}, ${counted(ct, "distinct certificate log")} and ${counted(tsa, "distinct time-stamp authority", "distinct time-stamp authorities")}.`,
  ];
}

function supportSentences(policy: TrustPolicy): string[] {
  const support = checkSupport(policy);
  if (support.ok) return [];
  const demands = support.findings.map(({ subject }) => subject.replace(`policy "${policy.name}", `, ""));
  return demands.map((demand) => `${demand}: every release is refused as long as the policy demands it.`);
}
