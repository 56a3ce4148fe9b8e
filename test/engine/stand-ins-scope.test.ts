import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import * as command from "@pulumi/command";
import * as github from "@pulumi/github";
import * as kubernetes from "@pulumi/kubernetes";
import { reasonOf } from "../../src/core/failure.ts";
import { benchProject, standInsBench } from "../support/stand-ins.ts";
import type { Bench } from "../support/stand-ins.ts";

let bench: Bench;

before(async () => {
  bench = await standInsBench();
});

after(async () => {
  await bench.close();
});

function program() {
  const cluster = new kubernetes.Provider("cluster", { kubeconfig: "{}" });
  const hub = new github.Provider("hub", { owner: "m1k1o", token: "none" });
  new kubernetes.core.v1.ConfigMap(
    "map",
    { metadata: { name: "map", namespace: "shop" }, data: { a: "b" } },
    { provider: cluster },
  );
  new github.Repository("repo", { name: "neko" }, { provider: hub });
  new command.local.Command("touch", {
    create: `touch ./made; cp ./made '${join(bench.folder, "made")}'`,
    environment: { NEKO_TRUST_TARGET: "http://localhost:1" },
  });
  return Promise.resolve({});
}

/**
 * The same, for an operation that will be refused: it never ends by itself. When a program has ended and the engine
 * breaks off, the SDK's report of the outputs fails where nobody waits for it, and the test runner takes it ill.
 */
function refusedProgram(): Promise<never> {
  void program();
  return new Promise(() => undefined);
}

/** What the engine said; the failure's own details where it has some. */
async function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => assert.fail("it was not refused"),
    (error: unknown) => [reasonOf(error), ...((error as { details?: string[] }).details ?? [])].join("\n"),
  );
}

function stateFile(stack: string): string {
  return join(bench.folder, "engine/backend/.pulumi/stacks", benchProject, `${stack}.json`);
}

test("refuses plan and update of another stack", async () => {
  const staging = await bench.stack(refusedProgram, "staging");
  assert.match(await failureOf(staging.preview()), /belongs to stack staging, not to local/);
  assert.match(await failureOf(staging.up()), /belongs to stack staging, not to local/);
  assert.ok(bench.standIns.refusals().length > 0);
  assert.deepEqual(bench.standIns.journal(), []);
  assert.ok(bench.standIns.refusals().every(({ reason }) => reason.includes("staging")));
});

test("refuses refresh and destroy of another stack, which run no program that could guard them", async () => {
  await (await bench.stack(program)).up();
  mkdirSync(dirname(stateFile("staging")), { recursive: true });
  copyFileSync(stateFile("local"), stateFile("staging"));
  const renamed = readFileSync(stateFile("staging"), "utf8")
    .replaceAll("urn:pulumi:local::", "urn:pulumi:staging::")
    .replaceAll(`organization/${benchProject}/local`, `organization/${benchProject}/staging`);
  writeFileSync(stateFile("staging"), renamed);
  const entries = bench.standIns.journal().length;
  const staging = await bench.stack(program, "staging");
  assert.match(await failureOf(staging.refresh()), /belongs to stack staging, not to local/);
  assert.match(await failureOf(staging.destroy()), /belongs to stack staging, not to local/);
  assert.equal(bench.standIns.journal().length, entries);
  assert.equal((await bench.renderedFiles()).length, 1);
});

test("in mode preview plans, and refuses to update, refresh and destroy", async () => {
  await bench.restart("preview");
  const local = await bench.stack(program);
  const entries = bench.standIns.journal().length;
  assert.deepEqual(Object.keys((await local.preview()).summary), ["same"]);
  assert.match(await failureOf(local.refresh()), /Read is no part of one/);
  assert.match(await failureOf(local.destroy()), /Delete is no part of one/);
  assert.equal(bench.standIns.journal().length, entries);
  assert.equal((await bench.renderedFiles()).length, 1);
});

test("in mode preview plans another stack that does not exist yet, and refuses to create it", async () => {
  const other = await standInsBench({ stack: "staging", mode: "preview" });
  try {
    const staging = await other.stack(program, "staging");
    const { summary } = await staging.preview();
    assert.equal(summary["create"], 6);
    assert.match(await failureOf((await other.stack(refusedProgram, "staging")).up()), /Create is no part of one/);
    assert.deepEqual(other.standIns.journal(), []);
    assert.deepEqual(await other.renderedFiles(), []);
    assert.match(
      await failureOf((await other.stack(refusedProgram)).preview()),
      /belongs to stack local, not to staging/,
    );
  } finally {
    await other.close();
  }
});

test("in mode preview refuses to plan an import, and says what to do instead", async () => {
  const other = await standInsBench({ stack: "staging", mode: "preview" });
  try {
    const adopting = (): Promise<never> => {
      const hub = new github.Provider("hub", { owner: "m1k1o", token: "none" });
      new github.Repository("repo", { name: "neko" }, { provider: hub, import: "neko" });
      return new Promise(() => undefined);
    };
    const said = await failureOf((await other.stack(adopting, "staging")).preview());
    assert.match(said, /can't look at what exists already/);
    assert.match(said, /Leave adopt \(the import option\) out of the stack's settings for this preview/);
    assert.match(said, /or plan with the real providers/);
    assert.deepEqual(
      other.standIns.refusals().map(({ refused }) => refused),
      ["Read"],
    );
    assert.deepEqual(other.standIns.journal(), []);
  } finally {
    await other.close();
  }
});

test("refuses another project's stack of the same name", async () => {
  const other = await standInsBench({ project: "somebody-elses" });
  try {
    assert.match(
      await failureOf((await other.stack(refusedProgram)).up()),
      /belongs to project somebody-elses, not to bench/,
    );
    assert.deepEqual(other.standIns.journal(), []);
  } finally {
    await other.close();
  }
});
