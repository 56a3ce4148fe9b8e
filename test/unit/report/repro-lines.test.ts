import assert from "node:assert/strict";
import { test } from "node:test";
import { reproLines } from "../../../src/report/repro-lines.ts";
import type { ReproModel } from "../../../src/report/repro-lines.ts";

const path = (name: string): string => `/nix/store/${"0".repeat(32)}-${name}`;

function equal(installable: string): ReproModel {
  const outputs = [
    { output: "out", storePath: path("a"), equal: true, narHashes: ["n", "n"], differences: [] },
  ] as const;
  return { installable, derivation: path("a.drv"), equal: true, outputs, left: [] };
}

function differing(installable: string, files: readonly string[]): ReproModel {
  const differences = files.map((file) => ({
    path: file,
    what: "contents",
    first: "2 bytes",
    second: "2 bytes",
    offset: 1,
  }));
  const [output] = equal(installable).outputs;
  assert.ok(output !== undefined);
  const other = { ...output, output: "plugins", equal: false, narHashes: ["n", "m"], differences } as const;
  return { ...equal(installable), equal: false, outputs: [output, other] };
}

test("one result has no table", () => {
  assert.equal(reproLines([equal(".#image")])[0], "✓ .#image: every build gives the same bytes");
});

test("several have a table first, with where to look", () => {
  const lines = reproLines([equal(".#a"), differing(".#long", ["x", "y", "z"]), differing(".#b", ["x"])]);
  assert.deepEqual(lines.slice(0, 5), [
    "✗ 2 of 3 differ between builds",
    "  ✓ equal    .#a",
    "  ✗ differs  .#long  plugins: x, and 2 more",
    "  ✗ differs  .#b     plugins: x",
    "",
  ]);
  assert.ok(lines.includes("✗ .#long: the builds differ"));
  assert.equal(reproLines([equal(".#a"), equal(".#b")])[0], "✓ all 2 give the same bytes in every build");
});

test("what a build called its files can't move the terminal's cursor, nor can one that differs in nothing listed", () => {
  const lines = reproLines([equal(".#a"), differing(".#b", ["\u001b[2Jx"]), differing(".#c", [])]);
  assert.ok(lines.every((line) => !line.includes("\u001b")));
  assert.equal(lines[3], "  ✗ differs  .#c");
});
