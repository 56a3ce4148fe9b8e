import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Failure } from "../../src/core/failure.ts";
import { manyThings } from "../support/engine/many-things.ts";
import { openSmallStack, smallProject } from "../support/engine/engine-under-test.ts";
import { startTinyProvider } from "../support/engine/tiny-provider.ts";

const script = join(import.meta.dirname, "..", "support", "engine", "up-in-child.ts");

test("of two updates at once the second is refused, told who holds the lock, and changes nothing", async (t) => {
  const project = smallProject(t);
  const ledger = join(project.checkout, "ledger");
  const tiny = await startTinyProvider(ledger);
  t.after(() => {
    tiny.stop();
  });
  const open = () =>
    openSmallStack(project, { program: manyThings("2", 25), attach: tiny.attach, lockWaitMilliseconds: 100 });
  const second = await open();

  const child = spawn(process.execPath, [script, project.checkout, project.folder, ledger, "1"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => {
    child.kill("SIGKILL");
  });
  const lines: string[] = [];
  let refused: unknown;
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (!line.startsWith("engine ")) continue;
    // Held still, so that the first is at work however slow this machine is.
    process.kill(Number(line.slice("engine ".length)), "SIGSTOP");
    refused = await second.up().catch((error: unknown) => error);
    process.kill(Number(line.slice("engine ".length)), "SIGCONT");
  }
  assert.ok(refused instanceof Failure, String(refused));
  assert.deepEqual([refused.code, refused.kind], ["STACK_LOCKED", "unavailable"]);
  assert.match(refused.message, /process \d+ of /);
  assert.equal(lines.at(-1), "done", "the first goes on as if nothing had happened");
  assert.deepEqual(tiny.done, [], "the second asked its provider for nothing");
});
