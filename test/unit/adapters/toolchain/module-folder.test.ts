import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { moduleFolder } from "../../../../src/adapters/toolchain/module-folder.ts";
import { Failure } from "../../../../src/core/failure.ts";

const module = { path: "example.com/engine", pinnedBy: "tools/engine" };

/** A checkout that pins one module, and a `go` on PATH that runs this script for everything but its version. */
function bench(t: TestContext, script: string) {
  const root = mkdtempSync(join(tmpdir(), "neko-module-"));
  t.after(() => {
    rmSync(root, { recursive: true });
  });
  mkdirSync(join(root, "tools", "engine"), { recursive: true });
  writeFileSync(join(root, "tools", "engine", "go.mod"), "module example.com/pins\n\ngo 1.26\n");
  const go = `#!/bin/sh\nif [ "$1" = env ]; then echo go1.26.8; exit 0; fi\n${script}\n`;
  writeFileSync(join(root, "go"), go, { mode: 0o755 });
  return { checkout: root, environment: { PATH: `${root}:/usr/bin:/bin` } };
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => assert.fail("it was not refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, String(error));
  return error;
}

test("asks go for the module, in the folder that pins it", async (t) => {
  const options = bench(t, `echo "{\\"Dir\\": \\"$PWD/$*\\", \\"Version\\": \\"v1.2.3\\"}"`);
  assert.deepEqual(await moduleFolder(module, options), {
    folder: join(options.checkout, "tools", "engine", "mod download -json example.com/engine"),
    version: "v1.2.3",
  });
});

test("a download that fails is a Failure that quotes go", async (t) => {
  const options = bench(t, `echo "SECURITY ERROR: checksum mismatch" >&2; exit 1`);
  const failure = await failureOf(moduleFolder(module, options));
  assert.equal(failure.code, "MODULE_UNAVAILABLE");
  assert.match(failure.message, /checksum mismatch/);
});

test("an answer without a folder is no module", async (t) => {
  const failure = await failureOf(moduleFolder(module, bench(t, `echo "{}"`)));
  assert.equal(failure.code, "MODULE_UNAVAILABLE");
});
