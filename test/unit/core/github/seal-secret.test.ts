import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { secretbox } from "@noble/ciphers/salsa.js";
import fc from "fast-check";
import { assertSealable, sealSecret, sealedBox } from "../../../../src/core/github/seal-secret.ts";
import { codeThrown } from "../../../support/failures.ts";

// Made with libsodium 1.0.18: the recipient's secret key is the bytes 0 to 31, the ephemeral one the bytes 100 to 131;
// crypto_generichash of both public keys, then crypto_box_easy. crypto_box_seal_open opened it.
const publicKey = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=";
const message = "neko-trust sealed box vector";
const sealedByLibsodium =
  "fZwkMWU5glwYluV/KBl3Rnk85gy+461H2p0HuF+lXipd/5WaXUP4dzOmHs3Gn5UMlZpG9ysNJUQisIz3+TYVmedW03nw1BJibEn5VA==";

const seed = Buffer.alloc(32, 7).toString("base64");
const secret = { value: "a token", place: "m1k1o/neko release TOKEN", seed };
const codeOf = (changes: object, key = publicKey): string =>
  codeThrown(() => sealSecret({ ...secret, ...changes }, key), "sealed");

test("seals byte for byte as libsodium does with the same ephemeral key", () => {
  const ephemeral = Uint8Array.from({ length: 32 }, (_, index) => 100 + index);
  const sealed = sealedBox(Buffer.from(message), Buffer.from(publicKey, "base64"), ephemeral);
  assert.equal(Buffer.from(sealed).toString("base64"), sealedByLibsodium);
});

test("the same secret for the same place and key is the same text, and any other is another", () => {
  const first = sealSecret(secret, publicKey);
  assert.equal(sealSecret({ ...secret }, publicKey), first);
  const otherKey = Buffer.alloc(32, 9).toString("base64");
  const others = [
    sealSecret({ ...secret, value: "a tokem" }, publicKey),
    sealSecret({ ...secret, place: "m1k1o/neko production TOKEN" }, publicKey),
    sealSecret({ ...secret, seed: Buffer.alloc(32, 8).toString("base64") }, publicKey),
    sealSecret(secret, otherKey),
  ];
  const senders = [first, ...others].map((text) => Buffer.from(text, "base64").subarray(0, 32).toString("hex"));
  assert.equal(new Set(senders).size, senders.length, "each has an ephemeral key of its own, so no nonce comes twice");
});

test("where place ends and value begins makes a difference", () => {
  const ab = sealSecret({ seed, place: "a", value: "bc" }, publicKey);
  const abc = sealSecret({ seed, place: "ab", value: "c" }, publicKey);
  assert.notEqual(ab.slice(0, 40), abc.slice(0, 40));
});

test("holds nothing of the value but its length", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 4, maxLength: 200 }), (value) => {
      fc.pre(value.trim() !== "");
      const sealed = Buffer.from(sealSecret({ ...secret, value }, publicKey), "base64");
      assert.equal(sealed.length, Buffer.byteLength(value) + 48);
      assert.equal(sealed.indexOf(Buffer.from(value)), -1);
    }),
  );
});

test("a box made for somebody else's key does not open", () => {
  const sealed = Buffer.from(sealSecret(secret, publicKey), "base64");
  assert.throws(() => secretbox(new Uint8Array(32), new Uint8Array(24)).open(sealed.subarray(32)));
});

test("refuses a weak seed, an empty or endless value, and a key that is none", () => {
  for (const weak of ["", "short", "x".repeat(42), `${"x".repeat(42)} `, "é".repeat(43), `${seed}\n`]) {
    assert.equal(codeOf({ seed: weak }), "SEALING_SEED_INVALID", weak);
  }
  for (const value of ["", " ", "\n\t"]) assert.equal(codeOf({ value }), "SECRET_EMPTY");
  assert.equal(codeOf({ value: "é".repeat(24 * 1024 + 1) }), "SECRET_TOO_LONG");
  assert.equal(codeOf({ value: "x".repeat(48 * 1024) }), "sealed");
  const zeros = Buffer.alloc(32).toString("base64");
  for (const key of ["", "AAAA", "not base64!", publicKey.slice(0, -1), ` ${publicKey}`, zeros]) {
    assert.equal(codeOf({}, key), "SEALING_KEY_INVALID", key);
  }
});

test("no message holds the value or the seed", () => {
  const hidden = "the hidden value";
  for (const call of [
    () => {
      assertSealable({ ...secret, value: hidden.repeat(10_000) });
    },
    () => sealSecret({ ...secret, value: hidden }, "AAAA"),
    () => {
      assertSealable({ ...secret, seed: hidden });
    },
  ]) {
    assert.throws(call, (error: Error) => !inspect(error).includes(hidden));
  }
});
