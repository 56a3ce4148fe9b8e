import { legible } from "../core/legible.ts";
import type { PolicyExplanation } from "../core/policy/explain-policy.ts";
import type { ReleaseData } from "../core/release/verified-release.ts";
import { findingMeanings } from "../core/verify/finding-meanings.ts";
import type { Finding } from "../core/verify/finding.ts";

/** A policy's explanation, section by section; what is weak comes last, where it is seen. */
export function drawExplanation({ sections, warnings }: PolicyExplanation): string[] {
  return [
    ...sections.flatMap(({ title, sentences }, index) => [
      ...(index === 0 ? [] : [""]),
      title,
      ...sentences.map((sentence) => `  ${legible(sentence)}`),
    ]),
    "",
    ...(warnings.length === 0
      ? ["No weakness was found."]
      : ["Weak", ...warnings.map((warning) => `  ! ${legible(warning)}`)]),
  ];
}

/** A finding with what its code means. */
export interface ExplainedFinding extends Finding {
  readonly meaning: string;
}

export function explainFindings(findings: readonly Finding[]): ExplainedFinding[] {
  return findings.map((finding) => ({ ...finding, meaning: findingMeanings[finding.code].meaning }));
}

/** Each finding in plain words: what it means, where it was seen, what to do. */
export function drawExplainedFindings(findings: readonly ExplainedFinding[]): string[] {
  return findings.flatMap(({ code, severity, subject, expected, found, meaning, remedy }) =>
    severity === "refuse"
      ? [`✗ ${meaning} (${code})`, `    on ${subject}: expected ${expected}; found ${found}`, `    to do: ${remedy}`]
      : [severity === "skipped" ? `– Not looked at: ${subject} (${found})` : `– ${subject}: ${found}`],
  );
}

/** Why a release is admitted: what counts, by whom, and what was only claimed. */
export function drawAdmission({ manifest, statements, exceptions, claimed }: ReleaseData): string[] {
  return [
    `✓ It is ${manifest.name} ${manifest.version}, from ${manifest.source.repository} at ${manifest.source.commit}.`,
    ...statements.map(
      ({ kind, signer, subject, signedAt }) => `✓ ${kind} of ${subject} by "${signer}", signed ${signedAt}.`,
    ),
    ...exceptions.map((exception) => `! ${exception}`),
    ...claimed.map((claim) => `– ${claim}`),
  ].map(legible);
}
