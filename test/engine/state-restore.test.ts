import assert from "node:assert/strict";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as pulumiSdk from "@pulumi/pulumi";
import { stateFile } from "../../src/engine/pending-operations.ts";
import type { Program } from "../../src/engine/program.ts";
import { openSmallStack, smallProject } from "../support/engine/engine-under-test.ts";
import { pulumi } from "../support/engine/pulumi-state.ts";
import type { ExportedState } from "../support/engine/pulumi-state.ts";
import { startTinyProvider, Thing } from "../support/engine/tiny-provider.ts";

// Restoring a state, and another version of a provider: docs/operations.md. What kill -9 leaves is healed in
// engine-killed.test.ts.

/** A thing that changes, one that does not, and an output that is secret. */
const things =
  (value: string): Program =>
  () => {
    const changing = new Thing("changing", { value });
    new Thing("steady", { value: "same" }, { dependsOn: changing });
    return Promise.resolve({ token: pulumiSdk.secret("hush") });
  };

const passphrase = "correct horse";

test("a lost backend comes back from an export: the same plan, and secrets that still open", async (t) => {
  const project = smallProject(t);
  const tiny = await startTinyProvider();
  t.after(() => {
    tiny.stop();
  });
  const open = (value = "1") => openSmallStack(project, { program: things(value), attach: tiny.attach, passphrase });
  const kept = { folder: project.folder, stack: "dev", passphrase };
  await (await open()).up();
  const backup = join(project.checkout, "backup.json");
  await pulumi(kept, ["stack", "export", "--file", backup]);
  assert.ok(!readFileSync(backup, "utf8").includes("hush"), "an export shows no secret");

  rmSync(join(project.folder, "backend"), { recursive: true });
  const anew = await open();
  assert.ok(((await anew.preview()).summary["create"] ?? 0) >= 2, "without its state the stack would be made again");
  await pulumi(kept, ["stack", "import", "--file", backup]);
  const { summary } = await anew.preview();
  assert.deepEqual(Object.keys(summary), ["same"], JSON.stringify(summary));
  assert.match(await pulumi(kept, ["stack", "export", "--show-secrets"]), /hush/);
});

test("an earlier version of the state's object, put back as a bucket does, plans what came after it", async (t) => {
  const project = smallProject(t);
  const tiny = await startTinyProvider();
  t.after(() => {
    tiny.stop();
  });
  const open = (value: string) => openSmallStack(project, { program: things(value), attach: tiny.attach, passphrase });
  await (await open("1")).up();
  const object = stateFile(join(project.folder, "backend"), "small", "dev");
  const earlier = join(project.checkout, "earlier.json");
  copyFileSync(object, earlier);
  await (await open("2")).up();
  copyFileSync(earlier, object);
  const { summary } = await (await open("2")).preview();
  assert.equal(summary["update"], 1, JSON.stringify(summary));
  assert.equal(summary["create"], undefined);
  await (await open("2")).up();
  assert.deepEqual(Object.keys((await (await open("2")).preview()).summary), ["same"]);
});

test("another version of a provider is an update of the provider alone: no resource is replaced by it", async (t) => {
  const project = smallProject(t);
  const tiny = await startTinyProvider();
  t.after(() => {
    tiny.stop();
  });
  const stack = await openSmallStack(project, { program: things("1"), attach: tiny.attach, passphrase });
  const kept = { folder: project.folder, stack: "dev", passphrase };
  await stack.up();
  const state = JSON.parse(await pulumi(kept, ["stack", "export"])) as ExportedState;
  for (const { type, inputs } of state.deployment.resources) {
    if (type === "pulumi:providers:tiny" && inputs !== undefined) inputs["version"] = "0.0.9";
  }
  const file = join(project.checkout, "older.json");
  writeFileSync(file, JSON.stringify(state));
  await pulumi(kept, ["stack", "import", "--file", file]);
  const { summary, resources } = await stack.preview();
  for (const op of ["replace", "create-replacement", "delete-replaced", "delete", "create"]) {
    assert.equal(summary[op], undefined, JSON.stringify(resources));
  }
  assert.ok(resources.filter(({ type }) => type === "tiny:index:Thing").every(({ op }) => op === "same"));
});
