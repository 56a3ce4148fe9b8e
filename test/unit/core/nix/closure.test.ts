import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { closureDigest, closureLines } from "../../../../src/core/nix/closure.ts";
import { sriOfSha256 } from "../../../../src/core/nix/hash-formats.ts";
import { sourceStorePath } from "../../../../src/core/nix/store-path.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import type { ClosureEntry } from "../../../../src/core/nix/closure.ts";

const code = (expected: string) => ({ name: "Failure", code: expected, kind: "refused" });

function object(name: string, byte: number): ClosureEntry {
  const narHash = sriOfSha256(new Uint8Array(32).fill(byte));
  return { storePath: sourceStorePath({ name, narHash }).path, narHash };
}

test("is the SHA-256 of sorted lines of path, space, hash and line feed", () => {
  const entries = [object("b", 1), object("a", 2)];
  const text = entries
    .map(({ storePath, narHash }) => `${storePath} ${narHash}\n`)
    .sort()
    .join("");
  assert.equal(closureDigest(entries), digestOf(text));
});

test("does not depend on order or repetition", () => {
  const entries = [object("a", 1), object("b", 2), object("c", 3), object("a", 4)];
  const expected = closureDigest(entries);
  fc.assert(
    fc.property(fc.shuffledSubarray(entries, { minLength: 4 }), fc.subarray(entries), (shuffled, again) => {
      assert.equal(closureDigest([...shuffled, ...again]), expected);
    }),
  );
});

test("changes when an object is left out, added or has another hash", () => {
  const a = object("a", 1);
  const b = object("b", 2);
  const digests = [[a], [b], [a, b], [{ ...a, narHash: b.narHash }]].map((entries) => closureDigest(entries));
  assert.equal(new Set(digests).size, 4);
});

test("refuses an empty closure, a path with two hashes, and what is no path or hash", () => {
  const a = object("a", 1);
  assert.throws(() => closureDigest([]), code("CLOSURE_EMPTY"));
  assert.throws(() => closureDigest([a, { ...a, narHash: object("b", 2).narHash }]), code("CLOSURE_CONFLICT"));
  assert.throws(() => closureLines([{ ...a, storePath: `${a.storePath}/bin` }]), code("STORE_PATH_INVALID"));
  // A line feed within a field would let two lists share one text.
  assert.throws(() => closureLines([{ ...a, narHash: `${a.narHash}\n` }]), code("NIX_HASH_INVALID"));
});
