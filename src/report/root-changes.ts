import { legible } from "../core/legible.ts";
import type { RootChange, RootEntry } from "../core/sigstore/root-entries.ts";

const marks = { added: "+", removed: "-", changed: "~", same: " " } as const;

/** A table of a trusted root's logs and authorities, changes marked; one that changed has two lines. */
export function drawRootChanges(changes: readonly RootChange[]): string[] {
  const rows = changes.flatMap(({ change, entry, before, widened }): string[][] => [
    ...(before === undefined ? [] : [["~", "was", ...cells(before)]]),
    [marks[change], change === "same" ? "" : widened === true ? "widened" : change, ...cells(entry)],
  ]);
  const table = [["", "", "what", "key", "address", "valid from", "to"], ...rows];
  const widths = (table[0] ?? []).map((_cell, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function cells({ kind, id, name, start, end }: RootEntry): string[] {
  return [kind, id.slice(0, 12), legible(name), short(start), end === undefined ? "in use" : short(end)];
}

/** Whole seconds are enough for people, and a day's end is not worth milliseconds. */
function short(time: string): string {
  return time.replace(/\.\d{3}Z$/, "Z");
}
