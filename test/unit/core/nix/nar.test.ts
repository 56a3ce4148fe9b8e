import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { maximumDepth, narBytes, narHash } from "../../../../src/core/nix/nar.ts";
import { createNarWriter } from "../../../../src/core/nix/nar-writer.ts";
import { parseNar } from "../../../../src/core/nix/nar-parser.ts";
import { sriOfHex } from "../../../../src/core/nix/hash-formats.ts";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { anyTree, directory, file, nested, peculiarTree } from "../../../support/trees.ts";
import type { NarNode } from "../../../../src/core/nix/tree.ts";

const code = (expected: string) => ({ name: "Failure", code: expected });

test("writes the bytes that nix-store --dump writes for a file", () => {
  // Seen from Nix 2.8 for a file with the three bytes "hi\n".
  const words = ["nix-archive-1", "(", "type", "regular", "contents", "hi\n", ")"];
  const expected = words.flatMap((word) => {
    const padded = Buffer.alloc(8 + Math.ceil(word.length / 8) * 8);
    padded.writeBigUInt64LE(BigInt(word.length));
    padded.write(word, 8);
    return [padded];
  });
  assert.deepEqual(Buffer.from(narBytes(file("hi\n"))), Buffer.concat(expected));
  assert.deepEqual(narHash(file("hi\n")), {
    narHash: "sha256-EFUdrtf6Rn0LWIJufrmg8q99aT3jGfLvd1//zaJEufY=",
    narSize: 120,
  });
});

test("hashes what it serialises, and tells its size", () => {
  const tree = peculiarTree();
  const bytes = narBytes(tree);
  assert.deepEqual(narHash(tree), { narHash: sriOfHex(sha256Hex(bytes)), narSize: bytes.length });
});

test("reads back every tree that it writes", () => {
  fc.assert(
    fc.property(anyTree, (tree) => {
      const bytes = narBytes(tree);
      const parsed = parseNar(bytes);
      assert.deepEqual(plain(parsed), plain(tree));
      assert.deepEqual(narBytes(parsed), bytes);
    }),
  );
});

test("gives another hash when contents, name, mode or kind change", () => {
  const trees = [
    file("a"),
    file("b"),
    file("a", true),
    { kind: "symlink", target: "a" } as const,
    directory({ a: file("a") }),
    directory({ b: file("a") }),
    directory({ a: directory({}) }),
    directory({}),
  ];
  assert.equal(new Set(trees.map((tree) => narHash(tree).narHash)).size, trees.length);
});

test("sorts names by their bytes, not by UTF-16 units", () => {
  const names = ["\u{1f600}", "\uff5e", "b", "a", "a.", "a-"];
  const parsed = parseNar(narBytes(directory(Object.fromEntries(names.map((name) => [name, file(name)])))));
  assert.ok(parsed.kind === "directory");
  assert.deepEqual([...parsed.entries.keys()], ["a", "a-", "a.", "b", "\uff5e", "\u{1f600}"]);
});

for (const name of ["", ".", "..", "a/b", "a\0b", "\ud800"]) {
  test(`refuses to write the name ${JSON.stringify(name)}`, () => {
    assert.throws(() => narBytes(directory({ [name]: file("") })), code("NAR_NAME"));
  });
}

for (const target of ["", "a\0b", "\udfff"]) {
  test(`refuses to write a link to ${JSON.stringify(target)}`, () => {
    assert.throws(() => narBytes({ kind: "symlink", target }), code("NAR_TARGET"));
  });
}

test("writes trees up to the depth that it reads, and refuses deeper ones", () => {
  const deepest = nested(maximumDepth);
  assert.equal(parseNar(narBytes(deepest)).kind, "directory");
  assert.throws(() => narBytes(nested(maximumDepth + 1)), code("NAR_TOO_DEEP"));
});

test("the writer takes contents in pieces of any size", () => {
  const contents = Buffer.alloc(200_000, "piecewise");
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 8 }), (cuts) => {
      const chunks: Buffer[] = [];
      const writer = createNarWriter((chunk) => chunks.push(Buffer.from(chunk)));
      writer.startFile({ executable: true, size: contents.length });
      let offset = 0;
      for (const cut of [...cuts, contents.length]) {
        const end = Math.min(contents.length, offset + cut);
        writer.contents(contents.subarray(offset, end));
        offset = end;
      }
      writer.endFile();
      assert.equal(writer.end(), narBytes(file(contents, true)).length);
      assert.ok(Buffer.concat(chunks).equals(narBytes(file(contents, true))));
    }),
    { numRuns: 30 },
  );
});

test("the writer refuses calls out of order and files of another size than announced", () => {
  const writer = createNarWriter(() => undefined);
  assert.throws(() => writer.end(), /needs node here/);
  writer.startDirectory();
  assert.throws(() => {
    writer.symlink("a");
  }, /needs entry here/);
  writer.entry("b");
  writer.startFile({ executable: false, size: 2 });
  assert.throws(() => {
    writer.contents(Buffer.from("abc"));
  }, /given more/);
  assert.throws(() => {
    writer.endFile();
  }, /too few/);
  writer.contents(Buffer.from("ab"));
  writer.endFile();
  assert.throws(() => {
    writer.entry("a");
  }, code("NAR_ORDER"));
  assert.throws(() => {
    writer.entry("b");
  }, code("NAR_DUPLICATE"));
});

/** Buffers and arrays of bytes compare equal, and entries compare in any order. */
function plain(node: NarNode): unknown {
  if (node.kind === "file") return { ...node, contents: Buffer.from(node.contents).toString("hex") };
  if (node.kind === "symlink") return node;
  return new Map([...node.entries].map(([name, entry]) => [name, plain(entry)]));
}
