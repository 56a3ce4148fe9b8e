import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readServeArguments, standInsFileIn, standInsFileSchema } from "../../../../lab/stand-ins/serve.ts";
import { Failure } from "../../../../src/core/failure.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-trust-serve-"));
const script = fileURLToPath(new URL("../../../../lab/stand-ins/serve.ts", import.meta.url));
after(() => {
  rmSync(folder, { recursive: true });
});

function start(stack: string, run: string) {
  const files = ["--journal", join(folder, "journal.jsonl"), "--render", join(folder, "rendered")];
  return spawn(process.execPath, [script, "--stack", stack, "--project", "shop", "--run", run, ...files]);
}

test("tells where it serves in a file of its own, and takes the file away when it is ended", async () => {
  const run = join(folder, "run");
  const child = start("local", run);
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const file = standInsFileIn(run);
  const end = Date.now() + 30_000;
  while (!existsSync(file) && Date.now() < end) await sleep(50);
  const content = standInsFileSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  assert.equal(content.pid, child.pid);
  assert.equal(content.stack, "local");
  assert.match(content.debugProviders, /^kubernetes:\d+,command:\d+,github:\d+,gcp:\d+$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  assert.deepEqual(await exited, [0, null]);
  assert.equal(existsSync(file), false);
  assert.equal(said, "");
});

test("refuses another stack with a message and no stack trace", async () => {
  const child = start("production", join(folder, "other"));
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  assert.deepEqual(await once(child, "close"), [2, null]);
  assert.match(said, /^The stand-ins don't act for the stack production/);
  assert.ok(!said.includes("    at "));
  assert.equal(existsSync(standInsFileIn(join(folder, "other"))), false);
});

test("arguments that don't say what to do are refused", () => {
  const whole = ["--stack", "local", "--project", "p", "--journal", "j", "--run", "r"];
  for (const words of [
    [],
    whole,
    [...whole, "--render", "d", "--kubeconfig", "k"],
    [...whole, "--render", "d", "--more"],
  ]) {
    assert.throws(
      () => readServeArguments(words),
      (error) => error instanceof Failure && error.code === "STAND_INS_USAGE",
    );
  }
  assert.equal(readServeArguments([...whole, "--kubeconfig", "k"]).kubernetes.kind, "api-server");
});
