import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { editYaml } from "../../../../src/core/yaml/edit-yaml.ts";
import type { PlainValue } from "../../../../src/core/yaml/edit-yaml.ts";
import { codeThrown } from "../../../support/failures.ts";

const put = (text: string, path: readonly (string | number)[], key: string, value: PlainValue): string =>
  editYaml(text, [{ kind: "put", path, key, value }], "a.yaml");

test("adds a key at the end of a block mapping, and leaves what follows and all comments alone", () => {
  const text = "a:\n  # about b\n  b: 1 # one\n  c: [x]\n\n# about d\nd: 2\n";
  assert.equal(
    put(text, ["a"], "adopt", { repository: true, rule: 12, names: ["x"] }),
    "a:\n  # about b\n  b: 1 # one\n  c: [x]\n  adopt: { repository: true, rule: 12, names: [x] }\n\n# about d\nd: 2\n",
  );
  assert.equal(put("a:\r\n  b:\r\n    c: 1\r\n", ["a"], "d", "e"), "a:\r\n  b:\r\n    c: 1\r\n  d: e\r\n");
  assert.equal(put("a:\n  b: 1", ["a"], "c", 2), "a:\n  b: 1\n  c: 2");
});

test("adds a key to a flow mapping, and to one that is empty", () => {
  assert.equal(put("a: { b: 1 } # x\n", ["a"], "c", true), "a: { b: 1, c: true } # x\n");
  assert.equal(put("a: {}\n", ["a"], "c", "1"), 'a: { c: "1" }\n');
});

test("refuses a key that is there, and what is no mapping", () => {
  for (const [text, key] of [
    ["a: { b: 1 }", "b"],
    ["a: [1]", "b"],
    ["a: 1", "b"],
  ] as const) {
    assert.equal(
      codeThrown(() => put(text, ["a"], key, 1), "accepted"),
      "FILE_NOT_EDITABLE",
      text,
    );
  }
});

test("what stands in braces or brackets becomes another value; a block, or one with comments, is left to people", () => {
  const replace = (text: string, value: PlainValue) =>
    editYaml(text, [{ kind: "replace", path: ["a"], value }], "a.yaml");
  const disk = { kind: "oci", reference: "x@1" };
  assert.equal(replace("a: { kind: file, path: y } # c\nb: 1\n", disk), "a: { kind: oci, reference: x@1 } # c\nb: 1\n");
  assert.equal(replace("a: [\n  1,\n]\n", ["x, y"]), 'a: ["x, y"]\n');
  for (const text of ["a:\n  kind: file\n", "a: [\n  1, # c\n]\n", "a: 1\n", "b: 1\n"]) {
    assert.equal(
      codeThrown(() => replace(text, disk), "edited"),
      "FILE_NOT_EDITABLE",
      text,
    );
  }
});

test("a number takes the place of a scalar as a number, whatever its quotes", () => {
  const set = (text: string) => editYaml(text, [{ kind: "set", path: ["a"], value: 12 }], "a.yaml");
  assert.equal(set("a: 0 # x\n"), "a: 12 # x\n");
  assert.equal(set('a: "0"\n'), "a: 12\n");
});

for (const text of ["(,*!", "a, &b", "[x", "{ y: 1 }", "x ]"]) {
  test(`a text with what braces and brackets are made of is quoted in them: ${text}`, () => {
    for (const value of [[text], { a: text }, { [text]: "a" }]) {
      const edited = put("a:\n  b: 1\n", ["a"], "c", value);
      assert.deepEqual((parse(edited) as { a: { c: unknown } }).a.c, value);
    }
  });
}

test("whatever the value, what is read back is what was put", () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean());
  const value = fc.oneof(scalar, fc.array(scalar), fc.dictionary(fc.string({ minLength: 1 }), scalar));
  fc.assert(
    fc.property(value, (given) => {
      let text: string;
      try {
        text = put("a:\n  b: 1\n", ["a"], "c", given);
      } catch (error) {
        // Some texts can't be written in one line: then nothing is changed.
        assert.equal(
          codeThrown(() => {
            throw error;
          }, ""),
          "FILE_NOT_EDITABLE",
        );
        return;
      }
      assert.deepEqual((parse(text) as { a: { c: unknown } }).a.c, JSON.parse(JSON.stringify(given)));
    }),
  );
});
