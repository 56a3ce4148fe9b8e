import { legible } from "../legible.ts";
import type { Checked, Finding } from "./finding.ts";

/** Findings that one verification reports; the rest is counted. */
const most = 200;

/**
 * The findings as they may be shown: evidence is anybody's, so its words are made harmless for terminals, and neither
 * their length nor their number is left to who wrote it.
 */
export function legibleFindings<P>(checked: Checked<P>): Checked<P> {
  if (checked.ok) return checked;
  const [first, ...rest] = checked.findings;
  const shown = rest.slice(0, most - 1).map(legibleFinding);
  const more = rest.length - shown.length;
  return { ok: false, findings: [legibleFinding(first), ...shown, ...(more > 0 ? [furtherFindings(more)] : [])] };
}

function legibleFinding(finding: Finding): Finding {
  const { subject, expected, found, remedy, ...kept } = finding;
  return {
    ...kept,
    subject: legible(subject),
    expected: legible(expected),
    found: legible(found),
    remedy: legible(remedy),
  };
}

function furtherFindings(more: number): Finding {
  return {
    code: "SKIPPED",
    severity: "note",
    subject: "further findings",
    expected: `at most ${most}`,
    found: `${more} more`,
    remedy: "Mend those that are shown first, then verify again.",
  };
}
