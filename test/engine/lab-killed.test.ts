import assert from "node:assert/strict";
import { readFileSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { placesOf } from "../../lab/places.ts";
import { pendingIn, stateFile } from "../../src/engine/pending-operations.ts";
import { copyCheckout, isRunning } from "../support/program-checkout.ts";
import type { CheckoutCopy, Running } from "../support/program-checkout.ts";

/** `NEKO_TRUST_KILLS=20` is what docs/decisions/0001-risks-retired.md reports; a few are enough for every day. */
const rounds = Number(process.env["NEKO_TRUST_KILLS"] ?? "2");

const document = z.object({
  release: z.string(),
  summary: z.record(z.string(), z.int()),
  resources: z.array(z.object({ urn: z.string(), outcome: z.string() })),
});

/** Processes below a process, at any depth. */
function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return children.flatMap((child) => [Number(child), ...descendants(Number(child))]);
}

/** What runs below the command and is the engine's: the lab's services outlive the command on purpose. */
function engineProcesses(copy: CheckoutCopy, running: Running): number[] {
  const services = Object.values(copy.pids());
  const { pid } = running.child;
  return pid === undefined ? [] : descendants(pid).filter((each) => !services.includes(each));
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was quicker.
  }
}

/** What the killed run left behind, in words. */
function leftBehind(copy: CheckoutCopy): string[] {
  const backend = join(placesOf(copy.directories).engine, "backend");
  try {
    const locks = readdirSync(join(backend, ".pulumi", "locks", "organization", "neko-trust", "local"));
    const state: unknown = JSON.parse(readFileSync(stateFile(backend, "neko-trust", "local"), "utf8"));
    const pending = pendingIn(state).map(({ operation }) => operation);
    return [...(locks.length > 0 ? ["a lock"] : []), ...(pending.length > 0 ? [`pending: ${pending.join(", ")}`] : [])];
  } catch {
    return ["no state yet"];
  }
}

test(`lab up, killed with SIGKILL at ${rounds} random points, is healed by the next lab up`, async (t) => {
  const copy = copyCheckout();
  t.after(() => copy.remove());
  // What the first healing tells: the outcomes that every other one must end with, and how long one takes here and now.
  let complete: string[] | undefined;
  let duration = Infinity;
  let killed = 0;
  for (let round = 1; round <= rounds; round += 1) {
    // In turn: as at a power cut while the engine creates; and anywhere, with a changed release, the engine an orphan.
    const powerCut = round % 2 === 1;
    if (powerCut) await copy.run(["lab", "down"]);
    writeFileSync(join(copy.folder, "bin", "round.txt"), `${round}\n`);
    const running = copy.start(["lab", "up"]);
    if (powerCut) await running.said("create   pulumi:providers");
    const delay = Math.floor(Math.random() * (powerCut ? 600 : duration * 0.8));
    const timer = setTimeout(() => {
      const engine = powerCut ? engineProcesses(copy, running) : [];
      running.child.kill("SIGKILL");
      engine.forEach(kill);
    }, delay);
    const { code, stderr } = await running.finished;
    clearTimeout(timer);
    if (code === "SIGKILL") killed += 1;
    const step = [...stderr.matchAll(/^\[\d\].*$/gm)].at(-1)?.[0] ?? "before the first step";
    const left = leftBehind(copy);

    const begin = performance.now();
    const healing = await copy.run(["lab", "up", "--json"]);
    duration = Math.min(duration, performance.now() - begin);
    const from = powerCut ? "the first creation" : "the start";
    const what = `${code === "SIGKILL" ? "killed" : "done before"} ${delay} ms after ${from}, in ${step}`;
    t.diagnostic(`round ${round}: ${what}; left ${left.join(" and ") || "nothing open"}`);
    assert.equal(healing.code, 0, `round ${round}: ${healing.stdout}${healing.stderr}`);
    complete ??= outcomesOf(healing.stdout);
    assert.ok(complete.length > 100, "every resource of stack local has an outcome");
    assert.deepEqual(outcomesOf(healing.stdout), complete, `round ${round}`);
    assert.deepEqual(leftBehind(copy), [], `round ${round}`);
  }
  t.diagnostic(`killed ${killed} of ${rounds} before they were done; a healing one takes ${Math.round(duration)} ms`);
  assert.ok(killed >= rounds / 2, "most must have been killed while they ran");
  const services = Object.values(copy.pids());
  assert.equal(services.filter(isRunning).length, 3);

  const again = await copy.run(["lab", "up", "--json"]);
  assert.deepEqual(Object.keys(document.parse(JSON.parse(again.stdout)).summary), ["same"]);
  await copy.run(["lab", "down"]);
  assert.deepEqual(processesIn(copy.folder), [], "down leaves no process, of whichever round");
});

/** Command lines of the processes that work in a folder. */
function processesIn(folder: string): string[] {
  const workIn = (pid: string): string => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`);
    } catch {
      return "";
    }
  };
  return readdirSync("/proc")
    .filter((entry) => /^[0-9]+$/.test(entry) && workIn(entry).startsWith(folder))
    .map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
}

/** Outcome and URN of each resource: what must be the same however the way there was. */
function outcomesOf(stdout: string): string[] {
  const { resources } = document.parse(JSON.parse(stdout));
  // The signer's disk, image and machines are named after its release, and each round has another one.
  return resources.map(({ urn, outcome }) => `${outcome} ${urn.replace(/-[0-9a-f]{10,12}(?=-[a-z]$|$)/, "")}`).sort();
}
