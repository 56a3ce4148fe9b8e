import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type { NarDirectory, NarFile, NarNode } from "../../src/core/nix/tree.ts";

/** Shared by tests of NAR: trees by hand, trees at random, and trees on disk. */
export function file(contents: string | Uint8Array, executable = false): NarFile {
  return { kind: "file", executable, contents: Buffer.from(contents) };
}

export function directory(entries: Readonly<Record<string, NarNode>>): NarDirectory {
  return { kind: "directory", entries: new Map(Object.entries(entries)) };
}

/** `levels` directories, one in the other, around a leaf. */
export function nested(levels: number, leaf: NarNode = file("leaf")): NarNode {
  let node = leaf;
  for (let level = 0; level < levels; level++) node = directory({ d: node });
  return node;
}

const name = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 8 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
    // Order by UTF-16 units and order by UTF-8 bytes differ between these.
    fc.constantFrom("～", "😀", "ﬀ", "𐀀", "é", "e\u0301", "~", "a-", "a."),
  )
  .filter((text) => text !== "." && text !== ".." && !/[/\0]/.test(text) && text.isWellFormed());

const { node } = fc.letrec<{ node: NarNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record(
      { kind: fc.constant("file"), executable: fc.boolean(), contents: fc.uint8Array({ maxLength: 40 }) },
      { noNullPrototype: true },
    ),
    fc.record({ kind: fc.constant("symlink"), target: name }, { noNullPrototype: true }),
    fc
      .uniqueArray(fc.tuple(name, tie("node")), { maxLength: 5, selector: ([key]) => key })
      .map((entries) => ({ kind: "directory", entries: new Map(entries) }) as const),
  ),
}));

/** Trees whose names could lie on a Linux disk. */
export const anyTree: fc.Arbitrary<NarNode> = node;

/** Writes a tree to a path that does not exist yet. */
export function writeTree(path: string, tree: NarNode): void {
  switch (tree.kind) {
    case "file":
      writeFileSync(path, tree.contents);
      chmodSync(path, tree.executable ? 0o755 : 0o644);
      return;
    case "symlink":
      symlinkSync(tree.target, path);
      return;
    case "directory":
      mkdirSync(path);
      for (const [entryName, entry] of tree.entries) writeTree(join(path, entryName), entry);
      return;
  }
}

/** Everything that the format distinguishes: sizes around the padding and the read buffers, links, modes, names, depth. */
export function peculiarTree(): NarDirectory {
  const kib = 1024;
  const sizes = [
    0,
    1,
    7,
    8,
    9,
    4 * kib - 1,
    4 * kib,
    4 * kib + 1,
    32 * kib + 1,
    64 * kib - 1,
    64 * kib + 5,
    kib * kib,
    kib * kib + 1,
    3 * kib * kib + 3,
  ];
  const bytes = (size: number): Buffer => Buffer.alloc(size, "0123456789abcdefghijk");
  return directory({
    sizes: directory(Object.fromEntries(sizes.map((size) => [`size-${size}`, file(bytes(size))]))),
    executables: directory({ run: file("#!/bin/sh\n", true), empty: file("", true) }),
    links: directory({
      relative: { kind: "symlink", target: "../sizes/size-1" },
      dangling: { kind: "symlink", target: "/nowhere/at/all" },
      unicode: { kind: "symlink", target: "schöne-größe" },
    }),
    // By UTF-16 units the emoji would come before the full-width tilde; by bytes it comes after.
    names: directory({
      "～": file("1"),
      "😀": file("2"),
      é: file("3"),
      "e\u0301": file("4"),
      "a b": file("5"),
      "-": file("6"),
      ".hidden": file("7"),
      a: file("8"),
      "a.b": file("9"),
      ab: directory({}),
      A: file("10"),
    }),
    empty: directory({}),
    deep: nested(60),
  });
}
