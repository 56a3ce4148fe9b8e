import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

const { compileCache } = (await import(join(import.meta.dirname, "../../../bin/compile-cache.mjs"))) as {
  compileCache: (environment: Readonly<Record<string, string>>) => string | undefined;
};

function cacheFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-compile-cache-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

test("the compile cache lies in our own cache folder, which nobody else can write to", (t) => {
  const cache = cacheFolder(t);
  assert.equal(compileCache({ NEKO_TRUST_CACHE: cache }), join(cache, "node-compile"));
  assert.equal(compileCache({ XDG_CACHE_HOME: cache }), join(cache, "neko-trust", "node-compile"));
});

test("no compile cache where others could put code: a folder that they can write to, or a link", (t) => {
  const cache = cacheFolder(t);
  mkdirSync(join(cache, "node-compile"));
  chmodSync(join(cache, "node-compile"), 0o777);
  assert.equal(compileCache({ NEKO_TRUST_CACHE: cache }), undefined);

  const linked = cacheFolder(t);
  symlinkSync(cacheFolder(t), join(linked, "node-compile"));
  assert.equal(compileCache({ NEKO_TRUST_CACHE: linked }), undefined);

  const open = cacheFolder(t);
  chmodSync(open, 0o777);
  assert.equal(compileCache({ NEKO_TRUST_CACHE: open }), undefined);
});
