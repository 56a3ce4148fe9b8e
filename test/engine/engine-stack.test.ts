import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { Failure } from "../../src/core/failure.ts";
import { lockFolder } from "../../src/engine/file-backend.ts";
import { stateFile } from "../../src/engine/pending-operations.ts";
import type { Program } from "../../src/engine/program.ts";
import type { EngineProgress } from "../../src/engine/progress.ts";
import { openSmallStack, smallProject, writeProject } from "../support/engine/engine-under-test.ts";
import { Thing, startTinyProvider } from "../support/engine/tiny-provider.ts";

const noThings: Program = () => Promise.resolve({});

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "nothing was thrown" });
}

/** Keeps the notes among the progress. */
function notesInto(notes: string[]): (event: EngineProgress) => void {
  return (event) => {
    if (event.kind === "note") notes.push(event.message);
  };
}

/** Content and times of all files of a folder. */
function snapshot(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return Object.fromEntries(
    files.map((name) => [name, `${statSync(join(folder, name)).mtimeMs} ${readFileSync(join(folder, name), "utf8")}`]),
  );
}

test("preview, up, up, an update, a replacement, refresh and destroy in one process, and the checkout stays as it is", async (t) => {
  const project = smallProject(t);
  const tiny = await startTinyProvider();
  t.after(() => {
    tiny.stop();
  });
  let [value, milliseconds] = ["a", 0];
  const program: Program = () => {
    const one = new Thing("one", { value, milliseconds });
    new Thing("two", { value: "x" }, { dependsOn: one });
    const greeting = new pulumi.Config().require("greeting");
    return Promise.resolve({ echo: one.echo, greeting, hidden: pulumi.secret("quiet") });
  };
  const before = snapshot(project.checkout);
  // What is set for another stack must not steer this one.
  const environment = {
    ...process.env,
    PULUMI_DEBUG_PROVIDERS: "tiny:1",
    PULUMI_STACK: "other",
    PULUMI_BACKEND_URL: "file:///nowhere",
  };
  const stack = await openSmallStack(project, { program, attach: tiny.attach, environment });
  assert.deepEqual([stack.name, stack.project], ["dev", "small"]);

  assert.deepEqual((await stack.preview()).summary, { create: 3 });
  assert.deepEqual(tiny.done, []);

  const events: EngineProgress[] = [];
  const first = await stack.up({ onProgress: (event) => events.push(event) });
  assert.deepEqual(first.summary, { create: 3 });
  assert.deepEqual(first.outputs, {
    echo: { value: "a", secret: false },
    greeting: { value: "hello", secret: false },
    hidden: { value: "quiet", secret: true },
  });
  const one = "urn:pulumi:dev::small::tiny:index:Thing::one";
  assert.deepEqual(
    first.resources.find(({ urn }) => urn === one),
    { urn: one, type: "tiny:index:Thing", op: "create" },
  );
  assert.deepEqual(
    events
      .filter((event) => event.kind === "resource" && event.urn === one)
      .map((event) => event.kind === "resource" && event.phase),
    ["started", "done"],
  );
  assert.equal(events.at(-1)?.kind, "summary");
  assert.ok(!JSON.stringify(events).includes("quiet"), "a secret output is in the progress");

  const second = await stack.up();
  assert.deepEqual(second.summary, { same: 3 });
  assert.ok(second.resources.every(({ op }) => op === "same"));

  value = "b";
  assert.deepEqual((await stack.up()).summary, { same: 2, update: 1 });
  milliseconds = 1;
  const replaced = await stack.up();
  assert.deepEqual(replaced.summary, { same: 2, replace: 1 });
  assert.equal(replaced.resources.find(({ urn }) => urn === one)?.op, "replace");

  const refreshed = await stack.refresh();
  assert.deepEqual(refreshed.summary, { same: 3 });
  assert.ok(refreshed.resources.every(({ op }) => op === "same"));

  assert.deepEqual(snapshot(project.checkout), before);
  writeProject(project.checkout, { "stacks/Pulumi.dev.yaml": "config:\n  small:greeting: good evening\n" });
  assert.equal((await stack.up()).outputs["greeting"]?.value, "good evening");

  // Another handle, as another process would have it: the same state, the same salt.
  const again = await openSmallStack(project, { program, attach: tiny.attach });
  assert.deepEqual((await again.destroy()).summary, { delete: 3 });
  assert.deepEqual(tiny.done, [
    "create one",
    "create two",
    "update one",
    "create one",
    "delete one",
    "delete two",
    "delete one",
  ]);
});

test("faults of a resource and of the program are told apart, without stacks, and the next up is well", async (t) => {
  const project = smallProject(t);
  const tiny = await startTinyProvider();
  t.after(() => {
    tiny.stop();
  });
  let program: Program = noThings;
  const stack = await openSmallStack(project, { program: () => program(), attach: tiny.attach });

  program = () => {
    new Thing("good", { value: "x" });
    new Thing("bad", { value: "x", fault: "the provider has no luck" });
    return Promise.resolve({});
  };
  const failed = await failureOf(stack.up());
  assert.deepEqual([failed.code, failed.kind], ["ENGINE_UPDATE_FAILED", "usage"]);
  assert.equal(failed.message, 'up of the stack "dev" failed at bad.');
  assert.deepEqual(failed.details, ["bad: the provider has no luck"]);

  const refusal = new Failure({ code: "SAMPLE", kind: "refused", message: "not proven", remedy: "prove it" });
  program = () => Promise.reject(refusal);
  assert.equal(await failureOf(stack.up()), refusal);

  program = () => {
    const thing = new Thing("good", { value: "x" });
    return Promise.resolve({
      never: thing.echo.apply(() => {
        throw refusal;
      }),
    });
  };
  assert.equal(await failureOf(stack.up()), refusal);

  const bug = new TypeError("undefined is not a function");
  program = () => Promise.reject(bug);
  await assert.rejects(stack.up(), (error) => error === bug);

  program = () => Promise.reject(new pulumi.RunError("this program does not want to"));
  assert.deepEqual((await failureOf(stack.up())).details, ["this program does not want to"]);

  program = noThings;
  assert.deepEqual((await stack.up()).summary, { same: 1, delete: 1 });
});

test("a wrong passphrase, an unknown stack and a broken project are faults of their own", async (t) => {
  const project = smallProject(t);
  const stack = await openSmallStack(project, { program: () => Promise.resolve({ hidden: pulumi.secret("quiet") }) });
  await stack.up();
  const wrong = await failureOf(
    openSmallStack(project, { program: noThings, passphrase: "wrong" }).then((other) => other.up()),
  );
  assert.deepEqual([wrong.code, wrong.kind], ["PASSPHRASE_INCORRECT", "usage"]);

  for (const name of ["staging", "../dev", ""]) {
    const unknown = await failureOf(openSmallStack(project, { program: noThings, stack: name }));
    assert.deepEqual([unknown.code, unknown.kind, unknown.remedy], ["STACK_UNKNOWN", "usage", "Name one of: dev."]);
  }
  for (const content of ["name: [", "- a", "runtime: nodejs\n"]) {
    writeProject(project.checkout, { "Pulumi.yaml": content });
    const invalid = await failureOf(openSmallStack(project, { program: noThings }));
    assert.deepEqual([invalid.code, invalid.kind], ["PROJECT_INVALID", "usage"], content);
  }
});

test("an interruption cancels the engine in good order: no lock stays, and the next up goes on", async (t) => {
  const project = smallProject(t);
  const tiny = await startTinyProvider();
  t.after(() => {
    tiny.stop();
  });
  const program: Program = () => {
    let before: Thing | undefined;
    for (const name of ["one", "two", "three"]) {
      before = new Thing(name, { value: "x", milliseconds: 300 }, before === undefined ? {} : { dependsOn: before });
    }
    return Promise.resolve({});
  };
  const stack = await openSmallStack(project, { program, attach: tiny.attach });
  const controller = new AbortController();
  const interrupted = await failureOf(
    stack.up({
      signal: controller.signal,
      onProgress: (event) => {
        if (event.kind === "resource" && event.name === "two") controller.abort();
      },
    }),
  );
  assert.equal(interrupted.code, "INTERRUPTED");
  assert.deepEqual(readdirSync(lockFolder(join(project.folder, "backend"), "small", "dev")), []);
  assert.ok(!tiny.done.includes("create three"));
  // `refuse` is the default: an engine that was cancelled in good order leaves nothing open.
  // What was in flight was brought to its end and is in the state.
  const made = tiny.done.length;
  assert.deepEqual((await stack.up()).summary, { same: made + 1, create: 3 - made });
  assert.equal((await failureOf(stack.up({ signal: AbortSignal.abort() }))).code, "INTERRUPTED");
});

test("the lock of a living update, or of another host, is respected", async (t) => {
  const project = smallProject(t);
  const stack = await openSmallStack(project, { program: noThings, lockWaitMilliseconds: 200 });
  await stack.up();
  const folder = lockFolder(join(project.folder, "backend"), "small", "dev");
  const lock = join(folder, "6a1d8f7e-0000-4000-8000-000000000000.json");
  const content = { pid: process.pid, username: "somebody", hostname: hostname(), timestamp: new Date().toISOString() };

  writeFileSync(lock, JSON.stringify(content));
  const notes: string[] = [];
  const locked = await failureOf(stack.up({ onProgress: notesInto(notes) }));
  assert.deepEqual([locked.code, locked.kind], ["STACK_LOCKED", "unavailable"]);
  assert.match(locked.message, new RegExp(`process ${process.pid} of somebody@`));
  assert.deepEqual(notes, [`waiting for process ${process.pid}, which is updating the stack`]);
  assert.ok(existsSync(lock));
  assert.deepEqual((await stack.preview()).summary, { same: 1 }, "a preview changes nothing and needs no lock");

  writeFileSync(lock, JSON.stringify({ ...content, pid: 999_999_999, hostname: "another-host" }));
  assert.equal((await failureOf(stack.up())).code, "STACK_LOCKED");
  assert.ok(existsSync(lock));

  writeFileSync(lock, JSON.stringify({ ...content, pid: 999_999_999 }));
  assert.deepEqual((await stack.up()).summary, { same: 1 });
  assert.ok(!existsSync(lock));
});

test("open creations are refused or done again, as asked, and secrets of the state stay what they are", async (t) => {
  const project = smallProject(t);
  const tiny = await startTinyProvider();
  t.after(() => {
    tiny.stop();
  });
  const program: Program = () => {
    const one = new Thing("one", { value: "x" });
    return Promise.resolve({ echo: one.echo, hidden: pulumi.secret("quiet") });
  };
  const careful = await openSmallStack(project, { program, attach: tiny.attach });
  await careful.up();
  // As a killed engine leaves it: the resource is not in the state, its creation is pending.
  const file = stateFile(join(project.folder, "backend"), "small", "dev");
  const state = JSON.parse(readFileSync(file, "utf8")) as {
    checkpoint: { latest: { resources: { urn: string }[]; pending_operations?: unknown[] } };
  };
  const { latest } = state.checkpoint;
  const [one] = latest.resources.filter(({ urn }) => urn.endsWith("::one"));
  latest.resources = latest.resources.filter((resource) => resource !== one);
  latest.pending_operations = [{ resource: one, type: "creating" }];
  writeFileSync(file, JSON.stringify(state));

  const refused = await failureOf(careful.up());
  assert.deepEqual([refused.code, refused.details], ["PENDING_OPERATIONS", ["interrupted while creating one"]]);
  assert.ok(readFileSync(file, "utf8").includes("pending_operations"));

  // An engine killed at another moment leaves an empty sidecar beside the state.
  writeFileSync(`${file}.attrs`, "");
  const healing = await openSmallStack(project, { program, attach: tiny.attach, interrupted: "recreate" });
  const notes: string[] = [];
  const healed = await healing.up({ onProgress: notesInto(notes) });
  assert.deepEqual(notes, ["an earlier update was interrupted while creating one: doing it again"]);
  assert.deepEqual(healed.summary, { same: 1, create: 1 });
  assert.deepEqual(healed.outputs["hidden"], { value: "quiet", secret: true });
  assert.ok(!readFileSync(file, "utf8").includes("quiet"), "the secret is in the state as plain text");
  assert.deepEqual(readdirSync(join(project.folder, "workspace", "dev")).sort(), ["Pulumi.dev.yaml", "Pulumi.yaml"]);
});
