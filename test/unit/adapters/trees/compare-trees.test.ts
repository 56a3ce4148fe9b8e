import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { compareTrees } from "../../../../src/adapters/trees/compare-trees.ts";
import { removeTree } from "../../../../src/adapters/trees/remove-tree.ts";
import { runDiffoscope } from "../../../../src/adapters/trees/run-diffoscope.ts";
import { hashPath } from "../../../../src/adapters/nix/hash-path.ts";
import { anyTree, directory, file, peculiarTree, writeTree } from "../../../support/trees.ts";
import type { NarNode } from "../../../../src/core/nix/tree.ts";

const root = mkdtempSync(join(tmpdir(), "neko-trees-"));
let count = 0;
after(() => {
  removeTree(root);
});

function onDisk(tree: NarNode): string {
  const path = join(root, `tree-${count++}`);
  writeTree(path, tree);
  return path;
}

test("equal trees have no differences", () => {
  assert.deepEqual(compareTrees(onDisk(peculiarTree()), onDisk(peculiarTree()), 20), []);
});

test("tells each kind of difference, where it is, and the first byte that differs", () => {
  const large = Buffer.alloc(600_000, "x");
  const changed = Buffer.from(large);
  changed[300_001] = 0;
  const first = onDisk(
    directory({
      a: file("same"),
      changed: file("hello world"),
      gone: directory({}),
      grown: file("abc"),
      kind: file("x"),
      large: file(large),
      link: { kind: "symlink", target: "here" },
      mode: file("x"),
      sub: directory({ deep: file("1") }),
    }),
  );
  const second = onDisk(
    directory({
      a: file("same"),
      changed: file("hello wOrld"),
      grown: file("abcd"),
      kind: directory({}),
      large: file(changed),
      link: { kind: "symlink", target: "there" },
      mode: file("x", true),
      new: file(""),
      sub: directory({ deep: file("2") }),
    }),
  );
  assert.deepEqual(compareTrees(first, second, 20), [
    { path: "changed", what: "contents", first: "11 bytes", second: "11 bytes", offset: 7 },
    { path: "gone", what: "missing", first: "folder", second: "nothing" },
    { path: "grown", what: "size", first: "3 bytes", second: "4 bytes", offset: 3 },
    { path: "kind", what: "kind", first: "file", second: "folder" },
    { path: "large", what: "contents", first: "600000 bytes", second: "600000 bytes", offset: 300_001 },
    { path: "link", what: "target", first: "here", second: "there" },
    { path: "mode", what: "executable", first: "not executable", second: "executable" },
    { path: "new", what: "added", first: "nothing", second: "file" },
    { path: "sub/deep", what: "contents", first: "1 bytes", second: "1 bytes", offset: 0 },
  ]);
  assert.equal(compareTrees(first, second, 3).length, 3);
  assert.deepEqual(compareTrees(join(first, "a"), join(second, "link"), 5), [
    { path: ".", what: "kind", first: "file", second: "link" },
  ]);
});

test("names that are not UTF-8 are compared as bytes", () => {
  const [first, second] = [onDisk(directory({})), onDisk(directory({}))];
  const odd = (folder: string, byte: number): Buffer => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([byte])]);
  writeFileSync(odd(first, 0xff), "1");
  writeFileSync(odd(second, 0xfe), "1");
  assert.deepEqual(
    compareTrees(first, second, 5).map(({ what }) => what),
    ["added", "missing"],
  );
});

test("there is no difference exactly when both have one NAR hash", async () => {
  await fc.assert(
    fc.asyncProperty(anyTree, anyTree, async (one, other) => {
      const [first, second] = [onDisk(one), onDisk(other)];
      const [a, b] = [await hashPath(first), await hashPath(second)];
      assert.equal(compareTrees(first, second, 1).length === 0, a.narHash === b.narHash);
      assert.deepEqual(compareTrees(first, onDisk(one), 1), []);
    }),
    { numRuns: 60 },
  );
});

test("removes a tree whose folders are read-only, follows no link, and is content when there is none", () => {
  const outside = onDisk(directory({ kept: file("x") }));
  const tree = onDisk(directory({ sub: directory({ deep: file("x") }) }));
  symlinkSync(outside, join(tree, "sub", "link"));
  for (const path of ["sub/deep", "sub", ""]) chmodSync(join(tree, path), 0o500);
  assert.equal(removeTree(tree), true);
  assert.equal(existsSync(tree), false);
  assert.equal(existsSync(join(outside, "kept")), true);
  assert.equal(removeTree(join(root, "no-such")), true);
});

test("diffoscope is left out where it is absent or says nothing, and cut to the lines that are shown", async () => {
  const tools = join(root, "tools");
  mkdirSync(tools);
  const environment = { PATH: tools };
  const ask = () => runDiffoscope("/a", "/b", { environment, maxLines: 2 });
  assert.equal(await ask(), undefined);
  const fake = (script: string): void => {
    writeFileSync(join(tools, "diffoscope"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  fake("exit 1");
  assert.equal(await ask(), undefined);
  fake("echo 1; echo 2; echo 3; exit 1");
  assert.deepEqual(await ask(), ["1", "2"]);
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(runDiffoscope("/a", "/b", { environment, maxLines: 2, signal }), reason);
});
