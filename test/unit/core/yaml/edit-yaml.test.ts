import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { editYaml } from "../../../../src/core/yaml/edit-yaml.ts";
import type { PlainValue, YamlChange } from "../../../../src/core/yaml/edit-yaml.ts";
import { failureOf } from "../../../support/stack-files.ts";

const edit = (text: string, ...changes: YamlChange[]): string => editYaml(text, changes, "the file");
const set = (value: string, ...path: (string | number)[]): YamlChange => ({ kind: "set", path, value });
const texts = (putInFront: PlainValue[], remove: number[], ...path: (string | number)[]): YamlChange => ({
  kind: "items",
  path,
  putInFront,
  remove,
});
const append = (entries: Record<string, string | string[]>[], ...path: (string | number)[]): YamlChange => ({
  kind: "append",
  path,
  entries,
});
const long = (digit: string): string => `sha256:${digit.repeat(64)}`;
const disk = { kind: "oci", reference: "x@1" };
const entry = { image: "a/b", current: "sha256:1", retained: [] };

const heavy = `# the stack
encryptionsalt: v1:abc=   # kept as it is
config:
    "neko-trust:releases":   # what runs
        # the application
        - image:    'ghcr.io/m1k1o/neko/base'   # not a mirror
          current:  "sha256:1"     # since Tuesday
          retained:
              # the one before the new codec
              - sha256:2   # 1.2.2

              # and the one before
              - 'sha256:3'


        # the other
        - { image: ghcr.io/other,  current: sha256:4 , retained: [ sha256:5, "sha256:6" ] }   # in one line
    neko-trust:policy: { roots: { sigstore: {sha256: 'aa', fetched: 2026-11-01T00:00:00Z} } }
    neko-trust:text: >-
        folded   text
        over lines
    neko-trust:list: [a,b,
       c]   # odd, and left so
`;
const releases = ["config", "neko-trust:releases"] as const;

test("changes values and nothing else: comments, quotes, blanks and order stay byte for byte", () => {
  const edited = edit(
    heavy,
    set("sha256:9", ...releases, 0, "current"),
    texts(["sha256:1"], [1], ...releases, 0, "retained"),
    set("sha256:8", ...releases, 1, "current"),
    texts(["sha256:4"], [], ...releases, 1, "retained"),
    set("2026-11-23T00:00:00Z", "config", "neko-trust:policy", "roots", "sigstore", "fetched"),
    set("bb", "config", "neko-trust:policy", "roots", "sigstore", "sha256"),
  );
  const expected = heavy
    .replace('"sha256:1" ', '"sha256:9" ')
    .replace(
      "              # the one before the new",
      "              - sha256:1\n              # the one before the new",
    )
    .replace("              - 'sha256:3'\n", "")
    .replace("current: sha256:4 ,", "current: sha256:8 ,")
    .replace("[ sha256:5,", "[ sha256:4, sha256:5,")
    .replace("2026-11-01T", "2026-11-23T")
    .replace("'aa'", "'bb'");
  assert.equal(edited, expected);
});

test("no change at all gives the same bytes", () => {
  assert.equal(edit(heavy), heavy);
});

test("lines that end in CR LF stay so, in what is put in too", () => {
  const text = "a:\r\n  - x # one\r\nb: []\r\n";
  const edited = edit(text, texts(["w"], [], "a"), append([entry], "b"));
  assert.equal(
    edited,
    "a:\r\n  - w\r\n  - x # one\r\nb:\r\n  - image: a/b\r\n    current: sha256:1\r\n    retained: []\r\n",
  );
});

for (const [what, text, change, expected] of [
  ["an empty list gets its first text", "a: [] # c\n", texts(["x"], [], "a"), "a: [x] # c\n"],
  ["a flow list gets one in front", "a: [y]\n", texts(["x"], [], "a"), "a: [x, y]\n"],
  ["a flow list with room loses one", "a: [ y, z ]\n", texts([], [1], "a"), "a: [ y ]\n"],
  ["a flow list loses all", "a: [ y ]\n", texts([], [0], "a"), "a: []\n"],
  ["a flow list swaps", 'a: ["y", z]\n', texts(["x"], [0], "a"), "a: [x, z]\n"],
  ["a block list loses all", "a: # c\n  # d\n  - y # e\nb: 1\n", texts([], [0], "a"), "a: [] # c\n  # d\nb: 1\n"],
  ["a block list swaps its only one", "a:\n- y\nb: 1\n", texts(["x"], [0], "a"), "a:\n- x\nb: 1\n"],
  ["a block list at the end of a file without line break", "a:\n  - y", texts(["x"], [], "a"), "a:\n  - x\n  - y"],
  ["the last item of such a file goes", "a:\n  - y\n  - z", texts([], [1], "a"), "a:\n  - y\n"],
  [
    "a flow list over lines, with comments",
    "a: [\n  y, # one\n  z, # two\n]\n",
    texts(["x"], [1], "a"),
    "a: [\n  x,\n  y, # one\n   # two\n]\n",
  ],
  [
    "an entry goes behind the last of a block list, comments and blanks stay where they are",
    "a:\n  - image: x # c\n    retained:\n      - y # d\n\n# e\nb: 1\n",
    append([entry], "a"),
    "a:\n  - image: x # c\n    retained:\n      - y # d\n  - image: a/b\n    current: sha256:1\n    retained: []\n\n# e\nb: 1\n",
  ],
  [
    "two entries take the place of an empty list",
    "c:\n  a: [] # none yet\n  b: 1\n",
    append([entry, { image: "c/d", retained: ["x"] }], "c", "a"),
    "c:\n  a: # none yet\n    - image: a/b\n      current: sha256:1\n      retained: []\n    - image: c/d\n      retained: [x]\n  b: 1\n",
  ],
  [
    "JSON stays flow",
    '{"a": [], "b": 1}\n',
    append([entry], "a"),
    '{"a": [{ image: a/b, current: sha256:1, retained: [] }], "b": 1}\n',
  ],
  [
    "a flow list gets an entry",
    "a: [{ image: x }]\n",
    append([entry], "a"),
    "a: [{ image: x }, { image: a/b, current: sha256:1, retained: [] }]\n",
  ],
  [
    "an entry behind the end of a file without line break",
    "a:\n- image: x",
    append([{ image: "y" }], "a"),
    "a:\n- image: x\n- image: y",
  ],
  [
    "a list that gets too long for its line goes on lines of its own, its comment stays",
    `a:\n  b: [${long("1")}] # c\n  d: 1\n`,
    texts([long("2")], [], "a", "b"),
    `a:\n  b: # c\n    - ${long("2")}\n    - ${long("1")}\n  d: 1\n`,
  ],
  [
    "one inside braces can't",
    `a: { b: [${long("1")}] }\n`,
    texts([long("2")], [], "a", "b"),
    `a: { b: [${long("2")}, ${long("1")}] }\n`,
  ],
  ["an empty list gets a mapping", "a: []\n", texts([disk], [], "a"), "a: [{ kind: oci, reference: x@1 }]\n"],
  [
    "a block list of mappings gets one in front and loses one, comments stay",
    "a:\n  # one\n  - kind: file # c\n    path: y\n  - { kind: file, path: z }\nb: 1\n",
    texts([disk], [1], "a"),
    "a:\n  - kind: oci\n    reference: x@1\n  # one\n  - kind: file # c\n    path: y\nb: 1\n",
  ],
  [
    "a flow list of mappings, too",
    "a: [{ kind: file, path: y }, { kind: file, path: z }]\n",
    texts([disk], [0], "a"),
    "a: [{ kind: oci, reference: x@1 }, { kind: file, path: z }]\n",
  ],
  ["what YAML would take for another type is quoted", "a: x\n", set("123", "a"), 'a: "123"\n'],
  ["a tagged value keeps its tag", "a: !!str 123\n", set("45x", "a"), "a: !!str 45x\n"],
] as const) {
  test(what, () => {
    assert.equal(edit(text, change), expected);
  });
}

for (const [what, text, change] of [
  ["an anchor anywhere", "z: &x 1\na: y\n", set("b", "a")],
  ["an alias", "z: &x y\na: *x\n", set("b", "a")],
  ["a merge key", "z: &x { k: 1 }\na: y\nc: { <<: *x }\n", set("b", "a")],
  ["a key that stands twice", "a: y\na: z\n", set("b", "a")],
  ["a value over several lines", "a: >-\n  y\n", set("b", "a")],
  ["a place that is not there", "a: y\n", set("x", "b")],
  ["a mapping where a value should be", "a: { b: 1 }\n", set("x", "a")],
  ["a value where a list should be", "a: 1\n", texts(["x"], [], "a")],
  ["nothing where a list should be", "a:\n", append([entry], "a")],
  ["a list that begins behind a dash", "a:\n  - - x\n    - y\n", texts(["w"], [], "a", 0)],
  ["an empty list over several lines", "a: [\n]\n", texts(["x"], [], "a")],
] as const) {
  test(`refuses ${what}: FILE_NOT_EDITABLE, and says what to do by hand`, () => {
    const failure = failureOf(() => edit(text, change));
    assert.equal(failure.code, "FILE_NOT_EDITABLE");
    assert.equal(failure.kind, "usage");
    assert.match(failure.message, /^the file can't be edited without touching more than the change: .+\.$/);
    assert.equal(failure.details.length, 1);
  });
}

const blank = fc.constantFrom("", " ", "   ");
const comment = fc.constantFrom("", " # c", "   # [x], y: - z");
const item = fc.constantFrom("x", "'y'", '"z"', "sha256:1", "http://a.b/c#d");
const block = fc
  .array(fc.record({ item, comment, before: fc.constantFrom("", "\n", "  # above\n", "\n    # far\n\n") }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((items) => `a:\n${items.map((one) => `${one.before}  - ${one.item}${one.comment}\n`).join("")}`);
const flow = fc
  .tuple(
    blank,
    fc.array(fc.tuple(item, fc.constantFrom(", ", ",", " , ", ",\n   ", ", # c\n  ")), { maxLength: 5 }),
    comment,
  )
  .map(([pad, items, after]) => `a: [${pad}${items.map(([one, comma]) => one + comma).join("")}${pad}]${after}\n`);

test("whatever the form of a list: the result is the wanted list and the rest of the text, or a refusal", () => {
  fc.assert(
    fc.property(
      fc.oneof(block, flow),
      fc.array(fc.constantFrom("new", "sha256:9"), { maxLength: 2 }),
      fc.array(fc.nat(4), { maxLength: 3 }),
      (text, putInFront, wanted) => {
        const before = (parse(text) as { a: string[] }).a;
        const remove = [...new Set(wanted)].filter((index) => index < before.length);
        const around = `# head\nx:   1\n${text}\n# foot\ny: "2"   # end\n`;
        let edited: string;
        try {
          edited = edit(around, texts(putInFront, remove, "a"));
        } catch (error) {
          assert.match((error as Error).message, /an empty list is written over several lines/);
          return;
        }
        assert.deepEqual((parse(edited) as { a: string[] }).a, [
          ...putInFront,
          ...before.filter((_item, index) => !remove.includes(index)),
        ]);
        assert.ok(edited.startsWith("# head\nx:   1\n"));
        assert.ok(edited.endsWith('\n# foot\ny: "2"   # end\n'));
        for (const [own] of around.matchAll(/^[ \t]*#.*$/gm)) assert.ok(edited.includes(own));
      },
    ),
    { numRuns: 1000 },
  );
});
