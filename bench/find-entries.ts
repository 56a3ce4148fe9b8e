import { readdir } from "node:fs/promises";
import { Failure } from "../src/core/failure.ts";
import type { BenchEntry } from "./entry.ts";

/** Every entry of bench/entries, sorted by name; throws when a file has none or two share a name. */
export async function findEntries(): Promise<BenchEntry[]> {
  const folder = new URL("entries/", import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith(".ts")).sort();
  const found: BenchEntry[] = [];
  for (const file of files) {
    const module = (await import(new URL(file, folder).href)) as { entries?: readonly BenchEntry[] };
    if (module.entries === undefined) throw new Error(`bench/entries/${file} exports no entries`);
    found.push(...module.entries);
  }
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = found.find(({ name }, index) => found[index - 1]?.name === name);
  if (twice !== undefined) throw new Error(`two benchmarks are named ${twice.name}`);
  return found;
}

/** The entries whose names begin with one of the given; all without any. Throws BENCH_UNKNOWN. */
export function selectEntries(entries: readonly BenchEntry[], names: readonly string[]): BenchEntry[] {
  const unknown = names.filter((name) => !entries.some((entry) => entry.name.startsWith(name)));
  if (unknown.length > 0) {
    throw new Failure({
      code: "BENCH_UNKNOWN",
      kind: "usage",
      message: `No benchmark begins with ${unknown.map((name) => JSON.stringify(name)).join(" or ")}.`,
      remedy: `Use ${entries.map(({ name }) => name).join(", ")}, or the beginning of one.`,
    });
  }
  return entries.filter(({ name }) => names.length === 0 || names.some((prefix) => name.startsWith(prefix)));
}
