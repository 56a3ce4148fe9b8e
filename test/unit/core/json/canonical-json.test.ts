import assert from "node:assert/strict";
import { test } from "node:test";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";

const textOf = (value: unknown): string => Buffer.from(canonicalBytes(value)).toString("utf8");

test("writes RFC 8785's form, whether keys are in its order already or not", () => {
  assert.equal(textOf({ b: 1, a: [1e21, -0, "\u20ac\u000f"] }), '{"a":[1e+21,0,"€\\u000f"],"b":1}');
  assert.equal(textOf({ a: 1, b: 2 }), '{"a":1,"b":2}');
  // Objects list whole numbers first and in their order; RFC 8785 orders all keys as text.
  assert.equal(textOf({ 9: 1, 10: 2 }), '{"10":2,"9":1}');
  assert.equal(textOf({ "": 0, a: 1 }), '{"":0,"a":1}');
});

test("the form of any JSON value is the library's, ordered or not", () => {
  const values = fc.jsonValue({ maxDepth: 6 });
  fc.assert(
    fc.property(values, (value) => {
      const expected = canonicalize(value);
      assert.equal(textOf(value), expected);
      // What is parsed from that form has its keys in order, but for those that are whole numbers.
      assert.equal(textOf(JSON.parse(expected ?? "")), expected);
    }),
  );
});

for (const [what, value] of [
  ["undefined", undefined],
  ["a function", () => 1],
  ["a number that is none", Number.NaN],
  ["infinity", [Number.POSITIVE_INFINITY]],
  ["half a pair in a string", "\ud800"],
  ["half a pair in a key", { "\ud800": 1 }],
] as const) {
  test(`${what} is no JSON value`, () => {
    assert.throws(() => canonicalBytes(value));
  });
}

test("what JSON.stringify treats in a way of its own is the library's to judge", () => {
  const date = new Date(0);
  class Odd {
    readonly b = 1;
    readonly a = 2;
  }
  for (const value of [date, { a: date }, new Odd(), { a: undefined, b: 1 }, new Map([["a", 1]]), Object(1)]) {
    assert.equal(textOf(value), canonicalize(value));
  }
});

test("a value nested without end does not exhaust the stack", () => {
  let deep: unknown = 1;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  assert.equal(textOf(deep).length, 200_001);
});
