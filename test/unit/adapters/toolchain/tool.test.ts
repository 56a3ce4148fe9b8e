import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { processStart } from "../../../../src/adapters/processes/process-identity.ts";
import { ensureTool } from "../../../../src/adapters/toolchain/tool.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { fakeGoBench, sampleTool } from "./fake-go.ts";
import type { Bench } from "./fake-go.ts";

const shelf = (bench: Bench): string => join(bench.directories.cache, "tools", "sample");
const leftovers = (bench: Bench): string[] => readdirSync(shelf(bench)).filter((name) => !name.startsWith("v1.0.0-"));

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "nothing was thrown" });
}

test("builds once, with the flags that make a build repeatable, then answers from the cache", async (t) => {
  const bench = fakeGoBench(t);
  const lines: string[] = [];
  const first = await ensureTool(sampleTool, { ...bench, progress: (line) => lines.push(line) });
  assert.equal(first.built, true);
  assert.match(first.path, /\/tools\/sample\/v1\.0\.0-[0-9a-f]{12}\/bin\/sample$/);
  assert.deepEqual(bench.calls(), ["build -mod=readonly -buildvcs=false -trimpath 0 local"]);
  const log = join(bench.directories.cache, "logs", "sample.log");
  assert.deepEqual(lines, [`building sample v1.0.0 from tools/sample (usually a moment); log: ${log}`]);
  assert.match(readFileSync(log, "utf8"), /example\.com\/package/);
  const second = await ensureTool(sampleTool, { ...bench, environment: { PATH: "/nowhere" } });
  assert.deepEqual([second.path, second.built], [first.path, false]);
  assert.deepEqual(leftovers(bench), []);
});

test("another go.sum, other flags or another version are another binary", async (t) => {
  const bench = fakeGoBench(t);
  const paths = [(await ensureTool(sampleTool, bench)).path];
  writeFileSync(join(bench.directories.checkout, "tools/sample/go.sum"), "example.com/x v1 h1:\n");
  paths.push((await ensureTool(sampleTool, bench)).path);
  paths.push((await ensureTool({ ...sampleTool, linkerFlags: "-s" }, bench)).path);
  paths.push((await ensureTool({ ...sampleTool, version: "v1.0.1" }, bench)).path);
  assert.equal(new Set(paths).size, 4);
});

const damages: readonly (readonly [string, (binary: string) => void])[] = [
  [
    "cut short",
    (binary) => {
      writeFileSync(binary, "");
    },
  ],
  [
    "of the same size with a changed byte",
    (binary) => {
      writeFileSync(binary, readFileSync(binary, "utf8").replace("built", "BUILT"));
    },
  ],
  [
    "grown",
    (binary) => {
      appendFileSync(binary, "#");
    },
  ],
  [
    "not executable",
    (binary) => {
      chmodSync(binary, 0o644);
    },
  ],
  [
    "missing",
    (binary) => {
      rmSync(binary);
    },
  ],
  [
    "without a stamp",
    (binary) => {
      rmSync(join(binary, "../../stamp.json"));
    },
  ],
  [
    "with half a stamp",
    (binary) => {
      writeFileSync(join(binary, "../../stamp.json"), `{"sha256": "`);
    },
  ],
  [
    "with a stamp of another shape",
    (binary) => {
      writeFileSync(join(binary, "../../stamp.json"), "[]");
    },
  ],
];
for (const [what, damage] of damages) {
  test(`rebuilds a binary that is ${what}`, async (t) => {
    const bench = fakeGoBench(t);
    const { path } = await ensureTool(sampleTool, bench);
    const whole = readFileSync(path, "utf8");
    damage(path);
    assert.equal((await ensureTool(sampleTool, bench)).built, true);
    assert.equal(readFileSync(path, "utf8"), whole);
    assert.equal((await ensureTool(sampleTool, bench)).built, false);
    assert.deepEqual(leftovers(bench), []);
  });
}

test("a cache that was copied elsewhere is taken by its hash", async (t) => {
  const bench = fakeGoBench(t);
  const { path } = await ensureTool(sampleTool, bench);
  utimesSync(path, new Date(0), new Date(0));
  assert.equal((await ensureTool(sampleTool, bench)).built, false);
});

test("two builds at once: one builds, the other waits and says for whom", async (t) => {
  const bench = fakeGoBench(t);
  const environment = { ...bench.environment, FAKE_GO: "slow" };
  const lines: string[] = [];
  const progress = (line: string): void => void lines.push(line);
  const results = await Promise.all([1, 2, 3].map(() => ensureTool(sampleTool, { ...bench, environment, progress })));
  assert.equal(results.filter(({ built }) => built).length, 1);
  assert.equal(bench.calls().length, 1);
  assert.ok(lines.some((line) => line.startsWith(`waiting for process ${process.pid}, which is building sample`)));
  assert.deepEqual(leftovers(bench), []);
});

test("the lock and the half-made folder of a killed build are removed", async (t) => {
  const bench = fakeGoBench(t);
  const dead = spawn("true");
  await new Promise((resolve) => dead.once("close", resolve));
  mkdirSync(join(shelf(bench), `.building-${dead.pid ?? 0}-x`), { recursive: true });
  const holder = JSON.stringify({ pid: dead.pid, started: Date.now(), token: "dead" });
  for (const name of ["lock", "lock.dead"]) writeFileSync(join(shelf(bench), name), holder);
  assert.equal((await ensureTool(sampleTool, bench)).built, true);
  assert.deepEqual(leftovers(bench), []);
});

test("a lock is dead when its pid now belongs to a later process, or when it can't be read", async (t) => {
  for (const content of [JSON.stringify({ pid: process.pid, started: 1, token: "x" }), "", "null"]) {
    const bench = fakeGoBench(t);
    mkdirSync(shelf(bench), { recursive: true });
    writeFileSync(join(shelf(bench), "lock"), content);
    assert.equal((await ensureTool(sampleTool, bench)).built, true, content);
  }
});

test("says at intervals that it is alive", async (t) => {
  const bench = fakeGoBench(t);
  const lines: string[] = [];
  const environment = { ...bench.environment, FAKE_GO: "slow" };
  const progress = (line: string): void => void lines.push(line);
  await ensureTool(sampleTool, { ...bench, environment, progress, signOfLifeMilliseconds: 200 });
  assert.ok(
    lines.filter((line) => /^still building sample v1\.0\.0: \d+ s, 1 packages so far; log: /.test(line)).length >= 2,
  );
});

test("each fault has its own code, leaves nothing behind and names the log", async (t) => {
  const cases = [
    { code: "GO_MISSING", environment: { PATH: "/nowhere" } },
    { code: "GO_TOO_OLD", environment: { FAKE_GO_VERSION: "go1.25.9" } },
    { code: "TOOL_BUILD_FAILED", environment: { FAKE_GO: "fails" } },
    { code: "DISK_FULL", environment: { FAKE_GO: "full" } },
  ];
  for (const { code, environment } of cases) {
    const bench = fakeGoBench(t);
    const failure = await failureOf(
      ensureTool(sampleTool, { ...bench, environment: { ...bench.environment, ...environment } }),
    );
    assert.deepEqual([failure.code, failure.kind], [code, "unavailable"]);
    assert.deepEqual(leftovers(bench), [], code);
    if (code === "TOOL_BUILD_FAILED" || code === "DISK_FULL") assert.match(failure.message, /logs\/sample\.log/);
    if (code === "TOOL_BUILD_FAILED") assert.ok(failure.details.includes("main.go:3: undefined: nothing"));
  }
});

test("Go's version is compared as numbers, and a development version is let through", async (t) => {
  const accepts = async (version: string, minimum: string): Promise<boolean> => {
    const bench = fakeGoBench(t, `module example.com/tool\n\ngo ${minimum}\n`);
    const environment = { ...bench.environment, FAKE_GO_VERSION: version };
    return ensureTool(sampleTool, { ...bench, environment }).then(
      () => true,
      () => false,
    );
  };
  assert.equal(await accepts("go1.100.0", "1.26.0"), true);
  assert.equal(await accepts("go1.26rc1", "1.26"), true);
  assert.equal(await accepts("devel go1.28-abcdef", "1.26"), true);
  assert.equal(await accepts("go1.9", "1.26"), false);
});

test("an interruption ends Go and leaves nothing behind", async (t) => {
  const bench = fakeGoBench(t);
  const controller = new AbortController();
  const environment = { ...bench.environment, FAKE_GO: "hangs" };
  const work = failureOf(ensureTool(sampleTool, { ...bench, environment, signal: controller.signal }));
  while (bench.hangingPid() === undefined) await sleep(20);
  controller.abort();
  const failure = await work;
  assert.equal(failure.code, "INTERRUPTED");
  assert.equal(processStart(bench.hangingPid() ?? 0), undefined);
  assert.deepEqual(leftovers(bench), []);
});

test("an interruption ends the wait for another build too", async (t) => {
  const bench = fakeGoBench(t);
  const holder = new AbortController();
  const waiter = new AbortController();
  const environment = { ...bench.environment, FAKE_GO: "hangs" };
  const building = failureOf(ensureTool(sampleTool, { ...bench, environment, signal: holder.signal }));
  while (bench.hangingPid() === undefined) await sleep(20);
  const waiting = failureOf(ensureTool(sampleTool, { ...bench, environment, signal: waiter.signal }));
  await sleep(100);
  waiter.abort();
  assert.equal((await waiting).code, "INTERRUPTED");
  holder.abort();
  assert.equal((await building).code, "INTERRUPTED");
});

test("SIGINT to the building process ends Go", async (t) => {
  const bench = fakeGoBench(t);
  const script = `
    import { ensureTool } from ${JSON.stringify(join(import.meta.dirname, "../../../../src/adapters/toolchain/tool.ts"))};
    const { tool, directories } = JSON.parse(process.argv[1]);
    await ensureTool(tool, { directories, environment: process.env }).catch((error) => { console.log(error.code); });
  `;
  const child = spawn(
    process.execPath,
    ["--input-type=module", "--eval", script, JSON.stringify({ tool: sampleTool, directories: bench.directories })],
    { env: { ...bench.environment, FAKE_GO: "hangs" }, stdio: ["ignore", "pipe", "inherit"] },
  );
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const ended = new Promise((resolve) => child.once("close", resolve));
  while (bench.hangingPid() === undefined) await sleep(20);
  child.kill("SIGINT");
  assert.equal(await ended, 0);
  assert.equal(printed.trim(), "INTERRUPTED");
  assert.equal(processStart(bench.hangingPid() ?? 0), undefined);
});
