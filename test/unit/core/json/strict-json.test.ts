import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeJsonProblem, parseStrictJson } from "../../../../src/core/json/strict-json.ts";
import type { JsonLimits } from "../../../../src/core/json/strict-json.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function reasonFor(input: string | Uint8Array, limits?: JsonLimits): string {
  const result = parseStrictJson(typeof input === "string" ? encode(input) : input, limits);
  return result.ok ? "accepted" : describeJsonProblem(result.problem);
}

test("reads what JSON.stringify writes exactly as JSON.parse does", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6, noUnicodeString: false }), fc.constantFrom(undefined, 2), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), undefined, indent);
      const result = parseStrictJson(encode(spaced));
      // Only documents within the stricter rules; the rest is covered by the property below.
      if (result.ok) assert.deepEqual(result.value, JSON.parse(spaced));
      else assert.match(result.problem.reason, /2\^53|too large|surrogate|__proto__/);
    }),
    { numRuns: 500 },
  );
});

test("accepts nothing that JSON.parse refuses, and reads the rest alike", () => {
  const soup = fc.string({
    unit: fc.constantFrom(
      ...Array.from('{}[]:,"\\u0e1-.+ \n\t'),
      "true",
      "null",
      '"a"',
      "1",
      "\u0000",
      "é",
      "\ud83d\ude00",
    ),
    maxLength: 24,
  });
  fc.assert(
    fc.property(fc.oneof(soup, fc.json()), (text) => {
      const result = parseStrictJson(encode(text));
      if (result.ok) assert.deepEqual(result.value, JSON.parse(text));
    }),
    { numRuns: 3000 },
  );
});

test("reads a document alike whether JSON.stringify would write it so or not", () => {
  const number = fc.constantFrom("0", "-0", "1e400", "9007199254740991", "9007199254740992", "1e+21", "0.1", "-1e-7");
  const string = fc.constantFrom(
    '"a"',
    '"__proto__"',
    String.raw`"\ud800"`,
    String.raw`"\\ud"`,
    '"é"',
    '"constructor"',
  );
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      number,
      string,
      fc.constantFrom("null", "true"),
      fc.array(tie("value"), { maxLength: 3 }).map((parts) => `[${parts.join(",")}]`),
      fc
        .array(fc.tuple(string, tie("value")), { maxLength: 3 })
        .map((parts) => `{${parts.map((part) => part.join(":")).join(",")}}`),
    ),
  }));
  fc.assert(
    fc.property(value, fc.integer({ min: 1, max: 4 }), (text, maxDepth) => {
      const written = parseStrictJson(encode(text), { maxDepth });
      // A space before it is never written by JSON.stringify.
      const other = parseStrictJson(encode(` ${text}`), { maxDepth });
      assert.equal(written.ok, other.ok);
      assert.deepEqual(written.ok && written.value, other.ok && other.value);
    }),
    { numRuns: 3000 },
  );
});

test("never throws and stays bounded on arbitrary bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const result = parseStrictJson(bytes);
      if (!result.ok) assert.ok(result.problem.line >= 1 && result.problem.column >= 1);
    }),
    { numRuns: 1000 },
  );
});

const refusals: readonly (readonly [name: string, input: string | Uint8Array, reason: string])[] = [
  ["a duplicate key", '{"a":1,\n "a":2}', 'the key "a" appears twice at line 2, column 2'],
  [
    "a duplicate key spelled with an escape",
    String.raw`{"a":1,"\u0061":2}`,
    'the key "a" appears twice at line 1, column 8',
  ],
  ["the key __proto__", '{"__proto__":{}}', 'the key "__proto__" is not allowed at line 1, column 2'],
  ["an escaped __proto__", String.raw`{"\u005f_proto__":{}}`, 'the key "__proto__" is not allowed at line 1, column 2'],
  ["an integer beyond a double", "9007199254740993", "an integer is beyond 2^53 - 1 at line 1, column 1"],
  ["an integer written with an exponent", "[1e20]", "an integer is beyond 2^53 - 1 at line 1, column 2"],
  ["a number beyond a double", "1e999", "a number is too large at line 1, column 1"],
  ["a lone surrogate", String.raw`["\ud800"]`, "a string holds a lone surrogate at line 1, column 2"],
  ["a byte order mark", "\ufeff{}", 'unexpected character "\ufeff" at line 1, column 1'],
  ["text after the value", "{} {}", 'unexpected character "{" at line 1, column 4'],
  ["a trailing comma", "[1,]", 'unexpected character "]" at line 1, column 4'],
  ["a comment", "{/**/}", 'unexpected character "/" at line 1, column 2'],
  ["a leading zero", "01", 'unexpected character "1" at line 1, column 2'],
  ["a control character in a string", '"a\nb"', 'unexpected character "\\n" at line 1, column 3'],
  ["an unfinished string", '"abc', "unexpected end at line 1, column 5"],
  ["nothing", "", "unexpected end at line 1, column 1"],
  ["invalid UTF-8", Uint8Array.of(0x22, 0xc3, 0x28, 0x22), "the bytes are not valid UTF-8 at line 1, column 1"],
  ["an overlong encoding", Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), "the bytes are not valid UTF-8 at line 1, column 1"],
];
for (const [name, input, reason] of refusals) {
  test(`refuses ${name}, and says where`, () => {
    assert.equal(reasonFor(input), reason);
  });
}

test("takes 64 levels of nesting and refuses 65, also a million", () => {
  const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
  assert.equal(reasonFor(nested(64)), "accepted");
  assert.equal(reasonFor(nested(65)), "nesting is deeper than 64 at line 1, column 65");
  assert.equal(reasonFor(nested(1_000_000)), "nesting is deeper than 64 at line 1, column 65");
  assert.equal(reasonFor('{"a":[{}]}', { maxDepth: 2 }), "nesting is deeper than 2 at line 1, column 7");
});

test("refuses a document over the size limit before it reads it", () => {
  assert.equal(reasonFor("[1,2,3]", { maxBytes: 6 }), "7 bytes are more than the 6 allowed at line 1, column 1");
});

test("keys that name Object's own members stay plain data", () => {
  const result = parseStrictJson(encode('{"constructor":1,"toString":2,"hasOwnProperty":3}'));
  assert.ok(result.ok);
  assert.deepEqual(result.value, { constructor: 1, toString: 2, hasOwnProperty: 3 });
});
