import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Failure } from "../../../src/core/failure.ts";
import { findEngine } from "../../../src/engine/find-engine.ts";
import type { Engine } from "../../../src/engine/find-engine.ts";

/** Looks for an engine where PATH has only the scripts given, and the checkout only a go.mod. */
async function find(
  t: TestContext,
  scripts: Record<string, string>,
  progress?: (line: string) => void,
): Promise<Engine> {
  const root = mkdtempSync(join(tmpdir(), "neko-find-engine-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  mkdirSync(join(root, "bin"));
  mkdirSync(join(root, "tools", "pulumi"), { recursive: true });
  writeFileSync(join(root, "tools/pulumi/go.mod"), "module example.com/pulumi\n\ngo 1.26\n");
  writeFileSync(join(root, "tools/pulumi/go.sum"), "");
  for (const [name, body] of Object.entries(scripts)) {
    writeFileSync(join(root, "bin", name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  const directories = {
    checkout: root,
    cache: join(root, "cache"),
    state: join(root, "state"),
    run: join(root, "run"),
  };
  const environment = { PATH: join(root, "bin") };
  return findEngine({ directories, environment, ...(progress === undefined ? {} : { progress }) });
}

const go =
  'if [ "$1" = env ]; then echo go1.26.8; exit; fi\nwhile [ "$1" != -o ]; do shift; done\necho x > "$2"; /bin/chmod +x "$2"';

test("takes the pulumi on PATH when its version is accepted", async (t) => {
  for (const version of ["v3.255.0", "v3.300.1"]) {
    const engine = await find(t, { pulumi: `echo ${version}` });
    assert.deepEqual([engine.source, `v${engine.version.version}`], ["path", version]);
    assert.match(engine.command, /\/bin\/pulumi$/);
  }
});

test("builds the pinned one when the pulumi on PATH is too old, too new, a pre-release, silent or broken, and says why", async (t) => {
  for (const body of ["echo v3.254.9", "echo v4.0.0", "echo v3.255.0-alpha.1", "echo", "exit 1"]) {
    const lines: string[] = [];
    const engine = await find(t, { pulumi: body, go }, (line) => void lines.push(line));
    assert.deepEqual([engine.source, engine.version.version], ["built", "3.259.0"], body);
    assert.match(engine.command, /\/tools\/pulumi\/v3\.259\.0-[0-9a-f]{12}\/bin\/pulumi$/);
    assert.match(lines[0] ?? "", /^the pulumi on PATH .* is needed: using the pinned one$/);
  }
});

test("without Pulumi and without a usable Go there is no engine, and the way out is named", async (t) => {
  const cases = [
    [{}, "GO_MISSING"],
    [{ go: "echo go1.20" }, "GO_TOO_OLD"],
    [{ pulumi: "echo v3.1.0" }, "GO_MISSING"],
  ] as const;
  for (const [scripts, cause] of cases) {
    await assert.rejects(find(t, scripts), (error) => {
      assert.ok(error instanceof Failure);
      assert.deepEqual([error.code, error.kind], ["ENGINE_NOT_FOUND", "unavailable"]);
      assert.ok(error.details[0]?.startsWith(`${cause}: `));
      assert.match(error.remedy, /install Pulumi .* or Go/);
      return true;
    });
  }
});

test("a failed build keeps its own code", async (t) => {
  await assert.rejects(find(t, { go: 'if [ "$1" = env ]; then echo go1.26.8; exit; fi\nexit 1' }), {
    code: "TOOL_BUILD_FAILED",
  });
});
