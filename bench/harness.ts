import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { summarise } from "./statistics.ts";
import type { BenchContext, BenchEntry, Contestant, Prepared } from "./entry.ts";
import type { Summary } from "./statistics.ts";

/** What came of one entry. */
export type EntryResult =
  | { readonly kind: "skipped"; readonly name: string; readonly title: string; readonly reason: string }
  | {
      readonly kind: "measured";
      readonly name: string;
      readonly title: string;
      readonly runs: number;
      readonly ours: readonly OwnMeasurement[];
      readonly reference: Measurement & { readonly kind: "peer" | "floor" };
      readonly limit?: number;
      readonly notes?: readonly string[];
    };

export interface Measurement {
  readonly label: string;
  readonly summary: Summary;
  /** Medians of the parts that the runs told apart. */
  readonly parts: Readonly<Record<string, number>>;
}

export interface OwnMeasurement extends Measurement {
  /** Our median divided by the reference's: below 1 ours is faster. */
  readonly ratio: number;
}

export type HarnessOptions = Omit<BenchContext, "scratch"> & { readonly runs: number };

/**
 * Prepares an entry, runs all contestants once to warm caches, then `runs` times in turn (A B A B …, so that what
 * else the machine does meets all of them), and tears down.
 */
export async function measureEntry(entry: BenchEntry, options: HarnessOptions): Promise<EntryResult> {
  const { runs, signal } = options;
  const { name, title } = entry;
  signal.throwIfAborted();
  const scratch = await mkdtemp(join(tmpdir(), `neko-trust-bench-${name}-`));
  let prepared: Prepared | undefined;
  try {
    prepared = await entry.prepare({ ...options, scratch });
    if (prepared.kind === "skipped") return { kind: "skipped", name, title, reason: prepared.reason };
    const { ours, reference, limit, notes } = prepared;
    const [peer, ...own] = await measureInterleaved([reference, ...ours], runs, signal);
    if (peer === undefined) throw new Error("the reference was not measured");
    return {
      kind: "measured",
      name,
      title,
      runs,
      ours: own.map((measurement) => ({ ...measurement, ratio: measurement.summary.median / peer.summary.median })),
      reference: { ...peer, kind: reference.kind },
      ...(limit === undefined ? {} : { limit }),
      ...(notes === undefined ? {} : { notes }),
    };
  } finally {
    if (prepared?.kind === "ready") await prepared.teardown?.();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function measureInterleaved(
  contestants: readonly Contestant[],
  runs: number,
  signal: AbortSignal,
): Promise<Measurement[]> {
  const recorded = contestants.map(({ label }) => ({
    label,
    times: [] as number[],
    parts: new Map<string, number[]>(),
  }));
  for (let round = -1; round < runs; round++) {
    for (const [position, contestant] of contestants.entries()) {
      signal.throwIfAborted();
      const start = performance.now();
      const result = await contestant.run();
      const passed = performance.now() - start;
      const record = recorded[position];
      // Round -1 only warms up: files into the page cache, code through the compiler.
      if (round < 0 || record === undefined) continue;
      record.times.push(result?.milliseconds ?? passed);
      for (const [part, time] of Object.entries(result?.parts ?? {})) {
        record.parts.set(part, [...(record.parts.get(part) ?? []), time]);
      }
    }
  }
  return recorded.map(({ label, times, parts }) => ({
    label,
    summary: summarise(times),
    parts: Object.fromEntries(Array.from(parts, ([part, values]) => [part, summarise(values).median])),
  }));
}
