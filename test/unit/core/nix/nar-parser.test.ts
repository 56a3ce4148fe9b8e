import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../../src/core/failure.ts";
import { narBytes } from "../../../../src/core/nix/nar.ts";
import { parseNar } from "../../../../src/core/nix/nar-parser.ts";
import { anyTree, directory, file } from "../../../support/trees.ts";

const code = (expected: string) => ({ name: "Failure", code: expected, kind: "refused" });

/** One string of the format; bytes beyond the text are given as they stand. */
function word(text: string | Uint8Array, padding?: Uint8Array): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes, padding ?? Buffer.alloc(-bytes.length & 7)]);
}

const archive = (...parts: (string | Uint8Array)[]): Buffer =>
  Buffer.concat([word("nix-archive-1"), ...parts.map((part) => (typeof part === "string" ? word(part) : part))]);
const emptyFile = ["(", "type", "regular", "contents", "", ")"];
const entry = (name: string | Uint8Array): (string | Uint8Array)[] => [
  "entry",
  "(",
  "name",
  word(name),
  "node",
  ...emptyFile,
  ")",
];
const folder = (...entries: (string | Uint8Array)[]): Buffer => archive("(", "type", "directory", ...entries, ")");

test("reads what is built by hand here", () => {
  assert.deepEqual(parseNar(folder(...entry("a"), ...entry("b"))), directory({ a: file(""), b: file("") }));
});

const refused: Readonly<Record<string, readonly [string, Uint8Array]>> = {
  "no bytes": ["NAR_TRUNCATED", Buffer.alloc(0)],
  "another magic": ["NAR_MAGIC", Buffer.concat([word("nix-archive-2"), ...emptyFile.map((part) => word(part))])],
  "a tar archive": ["NAR_MAGIC", Buffer.alloc(1024, "ustar")],
  "only the magic": ["NAR_TRUNCATED", archive()],
  "an unknown type": ["NAR_SYNTAX", archive("(", "type", "device", ")")],
  "a type twice": ["NAR_SYNTAX", archive("(", "type", "regular", "type", "regular", "contents", "", ")")],
  "no closing parenthesis": ["NAR_TRUNCATED", archive("(", "type", "regular", "contents", "")],
  "a file without contents": ["NAR_SYNTAX", archive("(", "type", "regular", ")")],
  "an executable marker with a value": [
    "NAR_SYNTAX",
    archive("(", "type", "regular", "executable", "1", "contents", "", ")"),
  ],
  "an executable marker behind the contents": [
    "NAR_SYNTAX",
    archive("(", "type", "regular", "contents", "", "executable", "", ")"),
  ],
  "a link without target": ["NAR_SYNTAX", archive("(", "type", "symlink", ")")],
  "an empty target": ["NAR_TARGET", archive("(", "type", "symlink", "target", "", ")")],
  "a target with NUL": ["NAR_TARGET", archive("(", "type", "symlink", "target", "a\0b", ")")],
  "a target that is not UTF-8": [
    "NAR_TARGET",
    archive("(", "type", "symlink", "target", word(Buffer.from([0xc3])), ")"),
  ],
  "padding that is not zero": [
    "NAR_PADDING",
    archive("(", "type", "regular", "contents", word("abc", Buffer.from([0, 0, 0, 0, 1])), ")"),
  ],
  "padding of a keyword that is not zero": [
    "NAR_PADDING",
    archive(word("(", Buffer.from([0, 0, 0, 0, 0, 0, 7])), ...emptyFile.slice(1)),
  ],
  "a byte behind the end": ["NAR_TRAILING_BYTES", Buffer.concat([archive(...emptyFile), Buffer.alloc(1)])],
  "a second archive behind the end": [
    "NAR_TRAILING_BYTES",
    Buffer.concat([archive(...emptyFile), archive(...emptyFile)]),
  ],
  "an entry out of order": ["NAR_ORDER", folder(...entry("b"), ...entry("a"))],
  "entries ordered by UTF-16 units": ["NAR_ORDER", folder(...entry("\u{1f600}"), ...entry("\uff5e"))],
  "an entry twice": ["NAR_DUPLICATE", folder(...entry("a"), ...entry("a"))],
  "an empty name": ["NAR_NAME", folder(...entry(""))],
  "the name .": ["NAR_NAME", folder(...entry("."))],
  "the name ..": ["NAR_NAME", folder(...entry(".."))],
  "a name with a slash": ["NAR_NAME", folder(...entry("../../etc/passwd"))],
  "a name with NUL": ["NAR_NAME", folder(...entry("a\0"))],
  "a name that is not UTF-8": ["NAR_NAME", folder(...entry(Buffer.from([0xff])))],
  "an entry without name": ["NAR_SYNTAX", folder("entry", "(", "node", ...emptyFile, ")")],
  "an entry without node": ["NAR_SYNTAX", folder("entry", "(", "name", "a", ")")],
  "a length beyond the end": [
    "NAR_TRUNCATED",
    archive("(", "type", "regular", "contents", Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 1])),
  ],
  "a length of 2^64 - 1": ["NAR_TRUNCATED", archive("(", "type", "regular", "contents", Buffer.alloc(16, 0xff))],
};

for (const [what, [expected, bytes]] of Object.entries(refused)) {
  test(`refuses ${what} with ${expected}`, () => {
    assert.throws(() => parseNar(bytes), code(expected));
  });
}

test("refuses more levels than its cap before the stack ends", () => {
  const levels = 100_000;
  const open = Buffer.concat(["(", "type", "directory", "entry", "(", "name", "d", "node"].map((part) => word(part)));
  const bytes = Buffer.concat([word("nix-archive-1"), ...Array.from({ length: levels }, () => open)]);
  assert.throws(() => parseNar(bytes), code("NAR_TOO_DEEP"));
  assert.throws(() => parseNar(narBytes(directory({ d: directory({}) })), { maximumDepth: 1 }), code("NAR_TOO_DEEP"));
});

test("every proper beginning of an archive is refused", () => {
  const bytes = narBytes(directory({ a: file("contents", true), b: { kind: "symlink", target: "a" } }));
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => parseNar(bytes.subarray(0, length)), code("NAR_TRUNCATED"), `at ${length}`);
  }
});

test("an archive with changed bytes is refused with a code, or is the archive of another tree", () => {
  fc.assert(
    fc.property(anyTree, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }), (tree, changes) => {
      const bytes = Buffer.from(narBytes(tree));
      for (const [position, value] of changes) bytes[position % bytes.length] = value;
      acceptsOnlyCanonical(bytes);
    }),
    { numRuns: 500 },
  );
});

test("arbitrary words are refused with a code, or are the archive of a tree", () => {
  const words = fc.constantFrom(
    "(",
    ")",
    "type",
    "regular",
    "directory",
    "symlink",
    "contents",
    "executable",
    "entry",
    "name",
    "node",
    "target",
    "",
    "a",
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 14 }), (parts) => {
      acceptsOnlyCanonical(archive("(", "type", ...parts));
    }),
    { numRuns: 1000 },
  );
});

/** The parser's promise: it throws a Failure, or the writer makes the same bytes again. */
function acceptsOnlyCanonical(bytes: Buffer): void {
  try {
    assert.ok(bytes.equals(narBytes(parseNar(bytes))));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assert.match(error.code, /^NAR_/);
  }
}
