import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { peerMatrix } from "../../dev/peer-matrix.ts";

for (const { made, judgedBy, test: named } of peerMatrix) {
  const [file, name] = named;
  test(`${made}, judged by ${judgedBy}: the test that says so exists`, () => {
    const text = readFileSync(join(import.meta.dirname, "..", file), "utf8");
    assert.ok(text.includes(name), `${file} has no test that begins: ${name}`);
  });
}

test("no row of the matrix is told twice", () => {
  const rows = peerMatrix.map(({ made, by, judgedBy }) => `${made} ${by} ${judgedBy}`);
  assert.equal(new Set(rows).size, rows.length);
});
