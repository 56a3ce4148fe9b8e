import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findEntries, selectEntries } from "../../../bench/find-entries.ts";
import { measureEntry } from "../../../bench/harness.ts";
import { runProcess } from "../../../bench/process.ts";
import { summarise } from "../../../bench/statistics.ts";
import { resultLines, withinLimit } from "../../../bench/table.ts";
import type { BenchEntry, Contestant } from "../../../bench/entry.ts";

const options = {
  runs: 3,
  checkout: join(import.meta.dirname, "..", "..", ".."),
  environment: process.env,
  signal: new AbortController().signal,
  progress: () => undefined,
};

/** A contestant that writes down its turns and reports the given times, warm-up first. */
function timed(label: string, times: number[], turns: string[] = []): Contestant {
  return {
    label,
    run: () => {
      turns.push(label);
      const milliseconds = times.shift() ?? 0;
      return Promise.resolve({ milliseconds, parts: { half: milliseconds / 2 } });
    },
  };
}

function entry(
  ours: Contestant,
  peer: Contestant,
  extra: { limit?: number; teardown?: () => Promise<void> } = {},
): BenchEntry {
  return {
    name: "example",
    title: "an example",
    prepare: () => Promise.resolve({ kind: "ready", ours: [ours], reference: { ...peer, kind: "peer" }, ...extra }),
  };
}

test("runs contestants in turn after one warm-up, and compares medians", async () => {
  const turns: string[] = [];
  const result = await measureEntry(
    entry(timed("a", [99, 30, 10, 20], turns), timed("b", [99, 10, 10, 40], turns)),
    options,
  );
  assert.deepEqual(turns, ["b", "a", "b", "a", "b", "a", "b", "a"]);
  assert.ok(result.kind === "measured");
  assert.deepEqual(result.ours, [
    { label: "a", summary: { median: 20, minimum: 10, maximum: 30 }, parts: { half: 10 }, ratio: 2 },
  ]);
  assert.deepEqual(result.reference.summary, { median: 10, minimum: 10, maximum: 40 });
});

test("takes the time that passed when a run does not tell it", async () => {
  const slow: Contestant = { label: "slow", run: () => new Promise((resolve) => setTimeout(resolve, 15, undefined)) };
  const result = await measureEntry(entry(slow, timed("b", [])), options);
  assert.ok(result.kind === "measured" && (result.ours[0]?.summary.minimum ?? 0) >= 14);
});

test("says why an entry is skipped, and removes its folder", async () => {
  let scratch = "";
  const absent: BenchEntry = {
    name: "absent",
    title: "needs a peer",
    prepare: (context) => {
      scratch = context.scratch;
      writeFileSync(join(scratch, "left"), "");
      return Promise.resolve({ kind: "skipped", reason: "no peer" });
    },
  };
  const result = await measureEntry(absent, options);
  assert.deepEqual(resultLines(result), ["absent: skipped: no peer"]);
  assert.equal(existsSync(scratch), false);
});

test("tears down when a run fails or is aborted", async () => {
  let torn = 0;
  const teardown = (): Promise<void> => {
    torn++;
    return Promise.resolve();
  };
  const failing: Contestant = { label: "failing", run: () => Promise.reject(new Error("came out wrong")) };
  await assert.rejects(measureEntry(entry(failing, timed("b", []), { teardown }), options), /came out wrong/);
  const controller = new AbortController();
  const aborting: Contestant = {
    label: "aborting",
    run: () => {
      controller.abort();
      return Promise.resolve(undefined);
    },
  };
  const aborted = measureEntry(entry(aborting, timed("b", []), { teardown }), {
    ...options,
    signal: controller.signal,
  });
  await assert.rejects(aborted, { name: "AbortError" });
  assert.equal(torn, 2);
});

test("prints ours, peer, ratio and spread, and judges a limit", async () => {
  const within = await measureEntry(
    entry(timed("a", [0, 11, 12, 13]), timed("b", [0, 10, 10, 10]), { limit: 1.3 }),
    options,
  );
  assert.match(
    resultLines(within).join("\n"),
    /ours: a +12\.0 ms {2}\(11\.0 ms to 13\.0 ms\) +1\.20 x \(within 1\.3 x\)/,
  );
  assert.match(resultLines(within).join("\n"), /peer: b +10\.0 ms/);
  assert.match(resultLines(within).join("\n"), /6\.00 ms {2}apart: half/);
  assert.equal(withinLimit(within), true);
  const over = await measureEntry(
    entry(timed("a", [0, 20, 20, 20]), timed("b", [0, 10, 10, 10]), { limit: 1.3 }),
    options,
  );
  assert.match(resultLines(over).join("\n"), /2\.00 x \(OVER the limit of 1\.3 x\)/);
  assert.equal(withinLimit(over), false);
});

test("the median of an even number of runs is the mean of the middle two", () => {
  assert.deepEqual(summarise([4, 1, 3, 2]), { median: 2.5, minimum: 1, maximum: 4 });
  assert.deepEqual(summarise([7]), { median: 7, minimum: 7, maximum: 7 });
  assert.throws(() => summarise([]), RangeError);
});

test("finds every entry, and refuses a name that selects none", async () => {
  const entries = await findEntries();
  assert.ok(selectEntries(entries, ["nar"]).some(({ name }) => name === "nar-small-files"));
  assert.equal(selectEntries(entries, []).length, entries.length);
  assert.throws(() => selectEntries(entries, ["nar", "nothing"]), { name: "Failure", code: "BENCH_UNKNOWN" });
});

test("a command line with a fault is refused with exit code 2 and no stack trace", async () => {
  for (const args of [["--runs", "0"], ["--nonsense"], ["nothing-is-named-so"]]) {
    await assert.rejects(
      runProcess(process.execPath, [join(options.checkout, "bench", "main.ts"), ...args], options),
      (error: Error) => /ended with 2: /.test(error.message) && !error.message.includes("    at "),
    );
  }
});

test("shows what else was found out below the times", async () => {
  const noted: BenchEntry = {
    ...entry(timed("a", []), timed("b", [])),
    prepare: () =>
      Promise.resolve({
        kind: "ready",
        ours: [timed("a", [9, 1, 1, 1])],
        reference: { ...timed("b", [9, 1, 1, 1]), kind: "peer" },
        notes: ["peak memory: 1 MiB"],
      }),
  };
  assert.equal(resultLines(await measureEntry(noted, options)).at(-1), "  peak memory: 1 MiB");
});
