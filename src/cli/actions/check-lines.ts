import type { CheckResult } from "../../core/check-result.ts";
import { legible } from "../../core/legible.ts";

const marks = { ok: "✓ ok", missing: "✗ missing", unknown: "? could not ask" } as const;

/** One line for what was looked at, and one for what to do about it. */
export function checkLines({ name, state, says, remedy }: CheckResult): string[] {
  const line = `${marks[state].padEnd(16)} ${name}: ${legible(says)}`;
  return remedy === undefined ? [line] : [line, `${" ".repeat(17)}to do: ${legible(remedy)}`];
}
