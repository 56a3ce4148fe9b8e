import type { QuoteVerdict } from "../../src/core/tdx/contract.ts";
import type { Judged } from "../../src/core/tdx/fault.ts";

/** Codes of a verdict's faults, in order; none where the quote was verified. */
export function codesOfVerdict(verdict: QuoteVerdict): readonly string[] {
  return verdict.ok ? [] : verdict.faults.map(({ code }) => code);
}

/** As `codesOfVerdict`, of one part of a verification. */
export function codesOfJudged(part: Judged<unknown>): readonly string[] {
  return part.ok ? [] : part.faults.map(({ code }) => code);
}
