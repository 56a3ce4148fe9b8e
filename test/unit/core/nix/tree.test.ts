import assert from "node:assert/strict";
import { test } from "node:test";
import { treeOfFiles } from "../../../../src/core/nix/tree.ts";
import { directory, file } from "../../../support/trees.ts";
import type { FileContents } from "../../../../src/core/nix/tree.ts";

const code = (expected: string) => ({ name: "Failure", code: expected });
const empty = new Uint8Array();

test("sorts files at paths into folders", () => {
  const files = new Map<string, Uint8Array | FileContents>([
    ["a/b/c", Buffer.from("1")],
    ["a/d", Buffer.from("2")],
    ["e", { executable: true, contents: Buffer.from("3") }],
  ]);
  assert.deepEqual(
    treeOfFiles(files),
    directory({ a: directory({ b: directory({ c: file("1") }), d: file("2") }), e: file("3", true) }),
  );
});

for (const path of ["", "/a", "a/", "a//b", "./a", "a/../b", "..", "a\0"]) {
  test(`refuses the path ${JSON.stringify(path)}`, () => {
    assert.throws(() => treeOfFiles(new Map([[path, empty]])), code("NAR_NAME"));
  });
}

test("refuses a path that is a file and a folder at once, in either order", () => {
  assert.throws(
    () =>
      treeOfFiles(
        new Map([
          ["a", empty],
          ["a/b", empty],
        ]),
      ),
    code("NAR_DUPLICATE"),
  );
  assert.throws(
    () =>
      treeOfFiles(
        new Map([
          ["a/b", empty],
          ["a", empty],
        ]),
      ),
    code("NAR_DUPLICATE"),
  );
});
