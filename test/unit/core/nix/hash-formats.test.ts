import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeNixBase32,
  encodeNixBase32,
  hexOfSri,
  nixBase32OfSri,
  sha256OfSri,
  sriOfHex,
  sriOfNixBase32,
  sriOfSha256,
} from "../../../../src/core/nix/hash-formats.ts";

const refused = { name: "Failure", code: "NIX_HASH_INVALID" };
/** The NAR hash of neko's source at baf21c1d, in the forms that Nix prints. */
const sri = "sha256-yjQm7w+LsbhSJo8Lc7BsNbL6DC/8a5wgsymPYSFNlB8=";
const base32 = "07wl9lhn33r9nch9qszw5w6gmcimdjq762wg4r9biccb1zpjcd6a";

test("converts one hash between SRI, base 32 and hex as Nix does", () => {
  assert.equal(nixBase32OfSri(sri), base32);
  assert.equal(sriOfNixBase32(base32), sri);
  assert.equal(sriOfHex(hexOfSri(sri)), sri);
  assert.equal(hexOfSri(sri), "ca3426ef0f8bb1b852268f0b73b06c35b2fa0c2ffc6b9c20b3298f61214d941f");
});

test("every SHA-256 survives each form", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const text = sriOfSha256(bytes);
      assert.deepEqual(Uint8Array.from(sha256OfSri(text)), bytes);
      assert.equal(sriOfNixBase32(nixBase32OfSri(text)), text);
      assert.equal(sriOfHex(hexOfSri(text)), text);
    }),
  );
});

test("bytes of every length survive base 32, and one value has one spelling", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      assert.deepEqual(decodeNixBase32(encodeNixBase32(bytes), bytes.length), bytes);
    }),
  );
  const alphabet = Array.from("0123456789abcdfghijklmnpqrsvwxyz");
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...alphabet), { minLength: 52, maxLength: 52 }), (characters) => {
      const text = characters.join("");
      const bytes = decodeNixBase32(text, 32);
      if (bytes !== undefined) assert.equal(encodeNixBase32(bytes), text);
    }),
  );
});

for (const [what, text] of Object.entries({
  "another algorithm": "sha512-" + "A".repeat(86) + "==",
  "a missing padding": sri.slice(0, -1),
  "base64 for URLs": sri.replaceAll("+", "-").replaceAll("/", "_"),
  "bits beyond the hash": sri.replace(/8=$/, "9="),
  "two hashes": `${sri} ${sri}`,
  "a line feed": `${sri}\n`,
  nothing: "",
})) {
  test(`refuses an SRI hash with ${what}`, () => {
    assert.throws(() => sha256OfSri(text), refused);
  });
}

for (const [what, text] of Object.entries({
  "a letter outside the alphabet": base32.replace("w", "e"),
  "upper case": base32.toUpperCase(),
  "a missing character": base32.slice(1),
  "bits beyond the hash": `z${base32.slice(1)}`,
})) {
  test(`refuses base 32 with ${what}`, () => {
    assert.throws(() => sriOfNixBase32(text), refused);
  });
}

test("refuses hex of another length or in upper case", () => {
  assert.throws(() => sriOfHex("ab"), refused);
  assert.throws(() => sriOfHex("A".repeat(64)), refused);
});
