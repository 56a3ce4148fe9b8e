import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { StackHandle } from "../../src/engine/open-stack.ts";
import { processStart } from "../../src/adapters/processes/process-identity.ts";
import { lockFolder } from "../../src/engine/file-backend.ts";
import { pendingIn, stateFile } from "../../src/engine/pending-operations.ts";
import { manyThings } from "../support/engine/many-things.ts";
import { openSmallStack, smallProject } from "../support/engine/engine-under-test.ts";
import type { SmallProject } from "../support/engine/engine-under-test.ts";
import { startTinyProvider } from "../support/engine/tiny-provider.ts";

const script = join(import.meta.dirname, "..", "support", "engine", "up-in-child.ts");

/** Whom the signal hits: the program's process, the engine's, or both (as a machine that goes down). */
const targets = ["program", "engine", "both"] as const;
type Target = (typeof targets)[number];

// Two lanes side by side, as most of an update's time is waiting.
describe("kill -9 during an up", { concurrency: 2 }, () => {
  for (const lane of [0, 1]) {
    test(`an up killed at a random point is healed by the next up, ten times (lane ${lane})`, async (t) => {
      const project = smallProject(t);
      const ledger = join(project.checkout, "ledger");
      const tiny = await startTinyProvider(ledger);
      t.after(() => {
        tiny.stop();
      });
      let value = "0";
      const stack = await openSmallStack(project, {
        program: () => manyThings(value, 25)(),
        attach: tiny.attach,
        interrupted: "recreate",
        lockWaitMilliseconds: 30_000,
      });
      const seen = { killed: 0, locks: 0, pending: 0 };
      for (let round = 1; round <= 10; round += 1) {
        value = String(round);
        const target = targets[(round + lane) % targets.length] ?? "both";
        const delay = Math.floor(Math.random() * 500);
        if (await killedDuringUp(project, ledger, value, target, delay)) seen.killed += 1;
        seen.locks += countLocks(project);
        seen.pending += pending(project).length;
        await assertHealed(t, stack, project, `round ${round}: ${target} killed after ${delay} ms`);
        // Back to nothing once, so that first creations are interrupted too, and not only replacements.
        if (round === 5) await stack.destroy();
      }
      assert.deepEqual((await stack.preview()).summary, { same: 13 });
      t.diagnostic(`killed ${seen.killed} of 10; locks left ${seen.locks}, pending operations left ${seen.pending}`);
      assert.ok(seen.killed >= 5, "most of the updates must have been killed while they ran");
      assert.ok(seen.locks > 0, "no kill left a lock: the healing was not put to the test");
    });
  }
});

test("SIGINT to the program cancels the engine, which ends before the program does", async (t) => {
  const project = smallProject(t);
  const child = spawn(
    process.execPath,
    [script, project.checkout, project.folder, join(project.checkout, "ledger"), "1"],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = new Promise((resolve) => child.once("close", resolve));
  const lines: string[] = [];
  let engine = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    const pid = /^engine (\d+)$/.exec(line)?.[1];
    if (pid === undefined) continue;
    engine = Number(pid);
    child.kill("SIGINT");
  }
  assert.equal(await ended, 0);
  assert.equal(lines.at(-1), "failed INTERRUPTED");
  assert.notEqual(engine, 0);
  assert.equal(processStart(engine), undefined);
  assert.equal(countLocks(project), 0);
  assert.deepEqual(pending(project), []);
});

async function assertHealed(t: TestContext, stack: StackHandle, project: SmallProject, what: string): Promise<void> {
  const notes: string[] = [];
  const healing = await stack.up({
    onProgress: (event) => {
      if (event.kind === "note" || (event.kind === "diagnostic" && event.severity !== "info"))
        notes.push(event.message);
    },
  });
  t.diagnostic(`${what}: ${JSON.stringify(healing.summary)} ${notes.join("; ")}`);
  assert.equal(notes.filter((note) => note.includes("pending operations")).length, 0, `${what}: the engine warned`);
  assert.equal(healing.resources.filter(({ type }) => type === "tiny:index:Thing").length, 12, what);
  assert.deepEqual(pending(project), [], what);
  assert.equal(countLocks(project), 0, what);
}

/** Whether the child was killed before it was done. */
async function killedDuringUp(
  project: SmallProject,
  ledger: string,
  value: string,
  target: Target,
  delay: number,
): Promise<boolean> {
  const child = spawn(process.execPath, [script, project.checkout, project.folder, ledger, value], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", resolve));
  let done = false;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "done") done = true;
    const engine = /^engine (\d+)$/.exec(line)?.[1];
    if (engine === undefined) continue;
    void sleep(delay).then(() => {
      if (target !== "engine") child.kill("SIGKILL");
      if (target !== "program") kill(Number(engine));
    });
  }
  await ended;
  return !done;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was quicker.
  }
}

function countLocks(project: SmallProject): number {
  const folder = lockFolder(join(project.folder, "backend"), "small", "dev");
  return readdirSync(folder).filter((name) => {
    if (!name.endsWith(".json")) return false;
    const lock = JSON.parse(readFileSync(join(folder, name), "utf8")) as { hostname: string };
    assert.equal(lock.hostname, hostname());
    return true;
  }).length;
}

function pending(project: SmallProject): string[] {
  const checkpoint: unknown = JSON.parse(
    readFileSync(stateFile(join(project.folder, "backend"), "small", "dev"), "utf8"),
  );
  return pendingIn(checkpoint).map(({ urn, operation }) => `${operation} ${urn}`);
}
