import assert from "node:assert/strict";
import { test } from "node:test";
import { createNix } from "../../../src/adapters/nix/nix.ts";
import type { Nix } from "../../../src/adapters/nix/nix.ts";
import { withParts } from "../../../src/operations/repro-parts.ts";

/** A Nix whose installables all have these parts. */
function nixWith(names: readonly string[]): Nix {
  return { ...createNix({ environment: {} }), attributeNames: () => Promise.resolve([...names]) };
}

for (const [reference, prefix] of [
  [".#image", ".#image"],
  [".", ".#default"],
  [".#", ".#default"],
  ["path:/x?dir=y#packages.x86_64-linux.image", "path:/x?dir=y#packages.x86_64-linux.image"],
  ["github:a/b", "github:a/b#default"],
] as const) {
  test(`parts of ${reference} are named below ${prefix}`, async () => {
    assert.deepEqual(await withParts(nixWith(["a", "b-1"]), { kind: "flake", reference }), [
      { kind: "flake", reference: `${prefix}.parts.a` },
      { kind: "flake", reference: `${prefix}.parts.b-1` },
      { kind: "flake", reference },
    ]);
  });
}

test("parts of a file, and of an attribute of it", async () => {
  const whole = { kind: "file", file: "x.nix", attribute: undefined } as const;
  assert.deepEqual(await withParts(nixWith(["a"]), whole), [{ ...whole, attribute: "parts.a" }, whole]);
  const image = { ...whole, attribute: "image" };
  assert.deepEqual(await withParts(nixWith(["a"]), image), [{ ...image, attribute: "image.parts.a" }, image]);
});

for (const name of ["a b", "a.b", "", "1", "--store", "a^b", "a#b", "\u001b[2J"]) {
  test(`a part called ${JSON.stringify(name)} is refused`, async () => {
    const parts = withParts(nixWith(["good", name]), { kind: "flake", reference: ".#image" });
    await assert.rejects(parts, { code: "REPRO_PARTS_INVALID", kind: "refused" });
  });
}

test("no parts, outputs that are chosen, and more parts than there can be are refused", async () => {
  const image = { kind: "flake", reference: ".#image" } as const;
  await assert.rejects(withParts(nixWith([]), image), { code: "REPRO_PARTS_UNKNOWN", kind: "usage" });
  const chosen = { kind: "flake", reference: ".#image^dev" } as const;
  await assert.rejects(withParts(nixWith(["a"]), chosen), { code: "REPRO_PARTS_UNKNOWN", kind: "usage" });
  const many = Array.from({ length: 1001 }, (_, index) => `p${index}`);
  await assert.rejects(withParts(nixWith(many), image), { code: "REPRO_PARTS_INVALID", kind: "refused" });
  assert.equal((await withParts(nixWith(many.slice(1)), image)).length, 1001);
});
