import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

const { privateFolder } = (await import(join(import.meta.dirname, "../../../bin/private-folder.mjs"))) as {
  privateFolder: (parts: readonly string[], environment: Readonly<Record<string, string>>) => string | undefined;
};

function cacheFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-private-folder-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

test("code that is kept lies in our own cache folder, which nobody else can write to", (t) => {
  const cache = cacheFolder(t);
  assert.equal(privateFolder(["node-compile"], { NEKO_TRUST_CACHE: cache }), join(cache, "node-compile"));
  assert.equal(privateFolder(["node-compile"], { XDG_CACHE_HOME: cache }), join(cache, "neko-trust", "node-compile"));
});

test("no code is kept where others could put theirs: a folder that they can write to, or a link", (t) => {
  const cache = cacheFolder(t);
  mkdirSync(join(cache, "node-compile"));
  chmodSync(join(cache, "node-compile"), 0o777);
  assert.equal(privateFolder(["node-compile"], { NEKO_TRUST_CACHE: cache }), undefined);

  const linked = cacheFolder(t);
  symlinkSync(cacheFolder(t), join(linked, "node-compile"));
  assert.equal(privateFolder(["node-compile"], { NEKO_TRUST_CACHE: linked }), undefined);

  const between = cacheFolder(t);
  mkdirSync(join(between, "bundle"));
  chmodSync(join(between, "bundle"), 0o777);
  assert.equal(privateFolder(["bundle", "a"], { NEKO_TRUST_CACHE: between }), undefined);

  const open = cacheFolder(t);
  chmodSync(open, 0o777);
  assert.equal(privateFolder(["node-compile"], { NEKO_TRUST_CACHE: open }), undefined);
});
