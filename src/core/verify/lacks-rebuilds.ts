import type { Finding, FindingCode } from "./finding.ts";

/** A rebuild that nobody has published yet. */
const missing: readonly FindingCode[] = ["REBUILD_QUORUM", "REBUILD_MISSING"];
/** Why a rebuild that is there does not count; another one still may. Told only beside one that is missing. */
const besides: readonly FindingCode[] = ["REBUILD_OTHER_INPUTS", "REBUILD_SUBSTITUTED", "REBUILD_UNMEASURED"];

/**
 * Whether nothing is wrong but that rebuilds which the policy demands are not there yet: what time can mend. Not where one
 * vetoes, can't be read, or anything else is refused; and findings of no refusal lack nothing.
 */
export function lacksOnlyRebuilds(findings: readonly Finding[]): boolean {
  const refusals = findings.filter(({ severity }) => severity !== "note").map(({ code }) => code);
  return (
    refusals.some((code) => missing.includes(code)) &&
    refusals.every((code) => missing.includes(code) || besides.includes(code))
  );
}
