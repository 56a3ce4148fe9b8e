import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import * as command from "@pulumi/command";
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { GhcrRepository } from "../../components/ghcr-repository/component.ts";
import { ghcrRepositorySettingsSchema } from "../../components/ghcr-repository/settings.ts";
import { latestOutcomes } from "../../lab/stand-ins/journal.ts";
import { Failure } from "../../src/core/failure.ts";
import type { Program } from "../../src/engine/program.ts";
import { fakeGitHub } from "../support/fake-github.ts";
import { ghcrRepositoryFields } from "../support/ghcr-repository.ts";
import { standInsBench } from "../support/stand-ins.ts";

const token = "ghp_the_hidden_token";
const cli = `'${process.execPath}' '${join(import.meta.dirname, "../../bin/neko-trust.mjs")}'`;

function programOf(url: string, release: string): Program {
  return () => {
    const providers = {
      github: new github.Provider("github", { owner: "m1k1o", token: pulumi.secret("none") }),
      command: new command.Provider("command"),
    };
    const settings = ghcrRepositorySettingsSchema.parse({
      ...ghcrRepositoryFields,
      immutableReleases: "on",
      package: { name: "neko", ownerKind: "user", visibility: "public" },
      onDestroy: "delete",
    });
    const api = { url, token: pulumi.secret(token), cli, release };
    const { packageCheck } = new GhcrRepository("neko", { settings, api }, { providers });
    return Promise.resolve({ packageCheck });
  };
}

const first = `sha256:${"a".repeat(64)}`;
const second = `sha256:${"b".repeat(64)}`;

test("immutable releases are set once, the package is looked at again for each release, and no token is shown", async (t) => {
  const server = await fakeGitHub();
  const bench = await standInsBench();
  t.after(async () => {
    await bench.close();
    await server.close();
  });
  const stack = await bench.stack(programOf(server.url, first));
  await stack.preview();
  assert.deepEqual(server.calls, [], "a preview asks nobody");
  const up = await stack.up();
  assert.equal(server.state.immutable, true);
  assert.match(String(up.outputs["packageCheck"]?.value), /"state": ?"awaiting-first-release"/);
  const ran = [...latestOutcomes(bench.standIns.journal()).values()].filter(({ outcome }) => outcome === "ran");
  assert.equal(ran.length, 2);
  assert.deepEqual([...server.authorizations], [`Bearer ${token}`]);

  const calls = server.calls.length;
  assert.deepEqual(Object.keys((await stack.up()).summary), ["same"]);
  assert.equal(server.calls.length, calls, "a second up asks nobody");

  server.state.package = { visibility: "private", repository: { full_name: "m1k1o/neko" } };
  const next = await bench.stack(programOf(server.url, second));
  await assert.rejects(
    () => next.up(),
    (error: unknown) => {
      assert.ok(error instanceof Failure);
      const said = error.details.join("\n");
      // The stand-in shows nothing of a command that was given a secret; the real provider shows what it said.
      assert.match(said, /neko-package: the create command ended with exit code 1/);
      assert.ok(!said.includes(token));
      return true;
    },
  );
  server.state.package.visibility = "public";
  const mended = await next.up();
  assert.match(String(mended.outputs["packageCheck"]?.value), /"state": ?"as-declared"/);

  await next.destroy();
  assert.equal(server.state.immutable, false);
  for (const text of [bench.stateText(), JSON.stringify(bench.standIns.journal())]) assert.ok(!text.includes(token));
});

test("a target that isn't on loopback is recorded and not reached", async (t) => {
  const bench = await standInsBench();
  t.after(() => bench.close());
  const stack = await bench.stack(programOf("https://api.github.invalid", first));
  await stack.up();
  const outcomes = [...latestOutcomes(bench.standIns.journal()).values()].map(({ outcome }) => outcome);
  assert.deepEqual(new Set(outcomes), new Set(["recorded"]));
});
