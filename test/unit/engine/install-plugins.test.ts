import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { Pins } from "../../../src/core/pins/pins.ts";
import { installPlugins } from "../../../src/engine/install-plugins.ts";
import { failureFrom } from "../../support/failures.ts";

const digest = `sha256:${"a".repeat(64)}` as const;
const plugins = (arm64: string = digest): Pins["plugins"] => [
  { name: "gcp", version: "9.37.0", sha256: { "linux/amd64": digest, "linux/arm64": digest } },
  { name: "github", version: "6.15.0", sha256: { "linux/amd64": digest, "linux/arm64": arm64 } },
];

/** A program in the engine's place that writes down how it was called. */
function recorder(t: TestContext, body = "") {
  const folder = mkdtempSync(join(tmpdir(), "neko-engine-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const command = join(folder, "pulumi");
  const calls = join(folder, "calls");
  writeFileSync(calls, "");
  writeFileSync(command, `#!/bin/sh\necho "$@" >>'${calls}'\n${body}\n`);
  chmodSync(command, 0o755);
  const context = { command, environment: { PATH: "/usr/bin:/bin" }, signal: new AbortController().signal };
  return { calls: () => readFileSync(calls, "utf8"), context: { ...context, progress: () => undefined } };
}

test("installs each plugin in its pinned version against the digest of this machine", async (t) => {
  const { calls, context } = recorder(t);
  await installPlugins(plugins(`sha256:${"b".repeat(64)}`), { ...context, architecture: "arm64" });
  assert.equal(
    calls(),
    `plugin install resource gcp 9.37.0 --checksum ${"a".repeat(64)}\nplugin install resource github 6.15.0 --checksum ${"b".repeat(64)}\n`,
  );
});

test("one that nobody resolved stops all, before anything is fetched", async (t) => {
  const { calls, context } = recorder(t);
  const failure = await failureFrom(installPlugins(plugins("unresolved"), { ...context, architecture: "arm64" }));
  assert.equal(failure.code, "PIN_UNRESOLVED");
  assert.deepEqual(failure.details, ["plugin github 6.15.0"]);
  assert.equal(calls(), "");
});

test("what the engine refuses stops there, with its words", async (t) => {
  const { calls, context } = recorder(t, "echo 'error: checksum mismatch' >&2; exit 255");
  const failure = await failureFrom(installPlugins(plugins(), { ...context, architecture: "amd64" }));
  assert.equal(failure.code, "PLUGIN_NOT_INSTALLED");
  assert.deepEqual(failure.details, ["error: checksum mismatch"]);
  assert.equal(calls().split("\n").length, 2);
});
