import { join } from "node:path";
import { parseArgs } from "node:util";
import { Failure, reasonOf } from "../src/core/failure.ts";
import { findEntries, selectEntries } from "./find-entries.ts";
import { measureEntry } from "./harness.ts";
import { resultLines, withinLimit } from "./table.ts";
import type { EntryResult } from "./harness.ts";

/**
 * `node bench/main.ts [name …] [--runs N] [--json]`: measures the entries whose names begin so, all without names.
 * Exits with 0 when all were measured or skipped, 1 when one came out wrong or over its limit, 2 for a wrong call, 130
 * when interrupted.
 */
async function main(args: readonly string[]): Promise<number> {
  const { names, runs, json } = parseCall(args);
  const entries = selectEntries(await findEntries(), names);
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      interruption.abort();
    });
  }
  const results: EntryResult[] = [];
  let wrong = false;
  for (const entry of entries) {
    process.stderr.write(`${entry.name}: ${entry.title} …\n`);
    try {
      const result = await measureEntry(entry, {
        runs,
        checkout: join(import.meta.dirname, ".."),
        environment: process.env,
        signal: interruption.signal,
        progress: (line) => process.stderr.write(`  ${line}\n`),
      });
      results.push(result);
      wrong ||= !withinLimit(result);
      if (!json) process.stdout.write(`${resultLines(result).join("\n")}\n\n`);
    } catch (error) {
      if (interruption.signal.aborted) {
        process.stderr.write("Interrupted; what the benchmark had started was stopped.\n");
        return 130;
      }
      process.stderr.write(`${entry.name}: failed: ${reasonOf(error)}\n`);
      wrong = true;
    }
  }
  if (json) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
  return wrong ? 1 : 0;
}

function parseCall(args: readonly string[]): { names: string[]; runs: number; json: boolean } {
  const usage = (message: string): Failure =>
    new Failure({
      code: "BENCH_USAGE",
      kind: "usage",
      message,
      remedy: "Call: node bench/main.ts [name …] [--runs N] [--json]",
    });
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { runs: { type: "string", default: "10" }, json: { type: "boolean", default: false } },
    });
    if (!/^[1-9][0-9]{0,3}$/.test(values.runs))
      throw usage(`--runs must be a number from 1 to 9999, not "${values.runs}".`);
    return { names: positionals, runs: Number(values.runs), json: values.json };
  } catch (error) {
    throw error instanceof Failure ? error : usage(reasonOf(error));
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n${error.remedy}\n`);
  process.exitCode = 2;
}
