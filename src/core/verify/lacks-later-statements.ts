import type { Finding, FindingCode } from "./finding.ts";

/** What others add to a release after it was signed. */
export type LaterStatement = "rebuilds" | "attested signature";

/** That nobody has published it yet; or another machine did, as staging's, or one of a release that is rolled over from. */
const missing: ReadonlyMap<FindingCode, LaterStatement> = new Map([
  ["REBUILD_QUORUM", "rebuilds"],
  ["REBUILD_MISSING", "rebuilds"],
  ["TEE_SIGNATURE_MISSING", "attested signature"],
  ["TEE_PLATFORM_NOT_ALLOWED", "attested signature"],
  ["TEE_MEASUREMENT_MISMATCH", "attested signature"],
]);
/** Why a rebuild that is there does not count; another one still may. Told only beside one that is missing. */
const besides: readonly FindingCode[] = ["REBUILD_OTHER_INPUTS", "REBUILD_SUBSTITUTED", "REBUILD_UNMEASURED"];

/**
 * What the policy demands that is not there yet, where nothing else is wrong: what time can mend. Empty where a rebuild vetoes, an
 * attested signature is false, anything can't be read, or anything else is refused; and findings of no refusal lack nothing.
 */
export function lackedLater(findings: readonly Finding[]): readonly LaterStatement[] {
  const refusals = findings.filter(({ severity }) => severity !== "note").map(({ code }) => code);
  if (!refusals.every((code) => missing.has(code) || besides.includes(code))) return [];
  return [...new Set(refusals.flatMap((code) => missing.get(code) ?? []))];
}
