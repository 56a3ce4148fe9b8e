import type { Checked } from "../../src/core/verify/finding.ts";

/** Codes of a check's findings in their order; none when it is proven. */
export function codesOf(checked: Checked<unknown>): readonly string[] {
  return checked.ok ? [] : checked.findings.map((finding) => finding.code);
}
