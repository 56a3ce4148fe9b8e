import assert from "node:assert/strict";
import { test } from "node:test";
import { runBounded } from "../../../../src/adapters/processes/run-bounded.ts";

const shell = (
  script: string,
  changes: { maxOutputBytes?: number; signal?: AbortSignal; onLine?: (line: string) => void } = {},
) =>
  runBounded({
    program: "/bin/sh",
    args: ["-c", script],
    environment: { PATH: "/usr/bin:/bin" },
    maxOutputBytes: 1000,
    ...changes,
  });

test("gives what was printed, how it ended, and the last lines of what was told", async () => {
  const lines: string[] = [];
  const onLine = (line: string): void => {
    lines.push(line);
  };
  const result = await shell("echo out; i=0; while [ $i -lt 30 ]; do echo line $i >&2; i=$((i+1)); done; exit 3", {
    onLine,
  });
  assert.equal(result.code, 3);
  assert.equal(result.stdout.toString(), "out\n");
  assert.equal(result.overflowed, false);
  assert.equal(lines.length, 30);
  assert.deepEqual([result.lastLines.length, result.lastLines[0], result.lastLines.at(-1)], [20, "line 10", "line 29"]);
});

test("a program that prints without end is ended, and what is kept is bounded", async () => {
  const result = await shell("while true; do echo 0123456789012345678901234567890123456789; done");
  assert.equal(result.overflowed, true);
  assert.equal(result.stdout.length, 1000);
});

test("a signal ends it with its reason, also one that does not want to end", async () => {
  const interruption = new AbortController();
  const reason = new Error("enough");
  const onLine = (): void => {
    interruption.abort(reason);
  };
  const stubborn = "trap '' TERM; echo ready >&2; while true; do sleep 0.1; done";
  await assert.rejects(shell(stubborn, { signal: interruption.signal, onLine }), reason);
  await assert.rejects(shell("echo", { signal: AbortSignal.abort(reason) }), reason);
});

test("a program that isn't there is the system's error", async () => {
  const run = runBounded({ program: "/no/such", args: [], environment: {}, maxOutputBytes: 1 });
  await assert.rejects(run, { code: "ENOENT" });
});
