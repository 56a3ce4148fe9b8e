import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/** docs/attestation-cases.md says what the tests do, in both directions. */

const checkout = join(import.meta.dirname, "..", "..");
const textOf = (file: string): string => readFileSync(join(checkout, file), "utf8");

/** `[what a test's name, or a file that is a case itself, says](../file): codes that it asks for` */
interface Proof {
  readonly said: string;
  readonly file: string;
  readonly codes: readonly string[];
}
interface Case {
  readonly id: string;
  readonly what: string;
  readonly proofs: Proof[];
}

function readCases(page: string): Case[] {
  const cases: Case[] = [];
  for (const line of page.split("\n")) {
    const [, id, what] = /^- \*\*([A-K]\d+)\*\* (.+)$/.exec(line) ?? [];
    if (id !== undefined && what !== undefined) cases.push({ id, what, proofs: [] });
    else if (/^\s*- /.test(line)) {
      const [, said = "", file = "", codes = ""] = /^ {2}- \[(.+)\]\(\.\.\/([^)]+)\)(?:: (.+))?$/.exec(line) ?? [];
      assert.ok(said !== "" && file !== "", `not in this page's form: ${line}`);
      // Markdown escapes what would be mark-up.
      const plain = said.replaceAll("\\", "");
      cases
        .at(-1)
        ?.proofs.push({ said: plain, file, codes: [...codes.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code) });
    }
  }
  return cases;
}

const cases = readCases(textOf("docs/attestation-cases.md"));
const letters = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K"];
/** How far behind a test's name its codes may be asked for, and before it, where a table's row begins with them. */
const reach = 2500;

test("ids are whole: each letter's cases are numbered from 1, without a gap and without one twice", () => {
  const expected = letters.flatMap((letter) => {
    const count = cases.filter(({ id }) => id.startsWith(letter)).length;
    assert.ok(count > 0, letter);
    return Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
  });
  assert.deepEqual(
    cases.map(({ id }) => id),
    expected,
  );
});

for (const { id, what, proofs } of cases)
  test(`${id}: ${what}: what the page names is there, and asks for these codes`, () => {
    assert.ok(proofs.length > 0, "no test");
    for (const { said, file, codes } of proofs) {
      const text = textOf(file);
      const places: number[] = [];
      for (let at = text.indexOf(said); at >= 0; at = text.indexOf(said, at + 1))
        if (!file.endsWith(".test.ts") || /["'`\s]/.test(text[at - 1] ?? "")) places.push(at);
      assert.ok(places.length > 0, `${file} has no test named "${said}"`);
      const near = places.map((at) => text.slice(Math.max(0, at - 40), at + reach));
      for (const code of codes)
        assert.ok(
          near.some((part) => part.includes(code)),
          `${file}: "${said}" does not ask for ${code}`,
        );
      const named = /^([A-K]\d+): /.exec(said)?.[1];
      assert.ok(named === undefined || named === id, `this is a test of ${named ?? ""}`);
    }
  });

test("each id that begins the name of a test of quotes or rule 7 is a case, and the page names that file for it", () => {
  const folder = join(checkout, "test", "unit", "core");
  const files = ["tdx", "verify"]
    .flatMap((part) => readdirSync(join(folder, part), { encoding: "utf8" }).map((name) => `${part}/${name}`))
    .filter((name) => name.endsWith(".test.ts") && (name.startsWith("tdx/") || name.startsWith("verify/rule-7-")))
    .map((name) => `test/unit/core/${name}`);
  const found = files.flatMap((file) =>
    [...textOf(file).matchAll(/["'`]([A-K]\d+): /g)].map(([, id = ""]) => ({ id, file })),
  );
  assert.ok(found.length > 100, `${found.length} names`);
  const known = new Map(cases.map(({ id, proofs }) => [id, proofs.map(({ file }) => file)]));
  for (const { id, file } of found)
    assert.ok(known.get(id)?.includes(file) === true, `${file} has a test of ${id}, which the page does not name`);
});
