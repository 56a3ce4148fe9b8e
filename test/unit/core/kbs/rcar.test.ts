import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import {
  attestRequest,
  authRequest,
  mostAttestationBytes,
  rcarReportData,
  readChallenge,
  readTokenAnswer,
  runtimeDataDigest,
} from "../../../../src/core/kbs/rcar.ts";
import { isSameTeeKey, teePublicKey } from "../../../../src/core/kbs/tee-key.ts";
import type { TeePublicKey } from "../../../../src/core/kbs/tee-key.ts";
import { codeThrown } from "../../../support/failures.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
const nonce = Buffer.alloc(32, 1).toString("base64");
const key: TeePublicKey = {
  kty: "EC",
  alg: "ECDH-ES+A256KW",
  crv: "P-256",
  x: "eA".padEnd(43, "A"),
  y: "eQ".padEnd(43, "A"),
};

test("hashes structured runtime data as Trustee's own test does (attestation-service/src/lib.rs)", () => {
  assert.equal(
    hex(runtimeDataDigest({ b: 1, a: "test", c: { d: "e" } })),
    "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941da78870c3",
  );
});

test("canonical form: keys by UTF-16 code units, unicode as it is, numbers as ECMAScript writes them", () => {
  const same = (value: unknown, text: string): void => {
    assert.equal(hex(runtimeDataDigest(value)), hex(runtimeDataDigest(JSON.parse(text))));
  };
  same(
    { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5 },
    '{"1":4,"\\r":2,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
  );
  same({ n: 1e21 }, '{"n":1000000000000000000000}');
  same({ n: 0 }, '{"n":-0}');
});

test("report data is 48 bytes of digest and 16 zeros, of nonce, key and the empty additional evidence", () => {
  const data = rcarReportData(nonce, key);
  assert.equal(data.length, 64);
  assert.equal(hex(data.subarray(48)), "00".repeat(16));
  const digest = (value: unknown): string => hex(runtimeDataDigest(value));
  assert.equal(hex(data.subarray(0, 48)), digest({ "tee-pubkey": key, nonce, "additional-evidence": "" }));
  assert.notEqual(hex(data.subarray(0, 48)), digest({ "tee-pubkey": key, nonce }));
  assert.notEqual(
    hex(data.subarray(0, 48)),
    digest({ "tee-pubkey": { ...key, use: "enc" }, nonce, "additional-evidence": "" }),
  );
});

test("the first request is these bytes", () => {
  assert.equal(Buffer.from(authRequest()).toString("utf8"), '{"version":"0.4.0","tee":"tdx","extra-params":{}}');
});

test("an attestation without an event log says null", () => {
  const request = attestRequest(nonce, key, { quote: bytes("quote"), eventLog: bytes("") });
  assert.ok(
    Buffer.from(request).toString("utf8").includes('"primary_evidence":{"quote":"cXVvdGU=","cc_eventlog":null}'),
  );
});

test("evidence that the broker would not read is not sent", () => {
  const send = (length: number): string =>
    codeThrown(() => attestRequest(nonce, key, { quote: bytes(""), eventLog: new Uint8Array(length) }), "sent");
  assert.equal(send((mostAttestationBytes / 4) * 3 - 600), "sent");
  assert.equal(send((mostAttestationBytes / 4) * 3), "KBS_EVIDENCE_TOO_LARGE");
});

test("a challenge is a nonce of 32 bytes in standard base64, and nothing more is asked for", () => {
  const read = (text: string): string => codeThrown(() => readChallenge(bytes(text)), "read");
  const challenge = (text: string, extra = '""'): string =>
    read(`{"nonce":${JSON.stringify(text)},"extra-params":${extra}}`);
  assert.equal(challenge(nonce), "read");
  assert.equal(challenge(nonce, "{}"), "read");
  const tricky = Buffer.alloc(32, 0xff);
  assert.equal(challenge(tricky.toString("base64")), "read");
  for (const bad of [
    "",
    tricky.toString("base64url"),
    nonce.replace("=", ""),
    `${nonce}\n`,
    `${nonce.slice(0, -2)}F=`,
    Buffer.alloc(31).toString("base64"),
    Buffer.alloc(33).toString("base64"),
  ]) {
    assert.equal(challenge(bad), "KBS_NONCE_INVALID", JSON.stringify(bad));
  }
  for (const bad of [
    "",
    "null",
    "[]",
    "{}",
    `{"nonce":1,"extra-params":""}`,
    `{"nonce":"${nonce}"}`,
    `{"nonce":"${nonce}","extra-params":"","more":1}`,
    `{"nonce":"${nonce}","nonce":"${nonce}","extra-params":""}`,
    `{"nonce":"${nonce}","extra-params":{"selected-hash-algorithm":"sha256"}}`,
  ]) {
    assert.equal(read(bad), "KBS_ANSWER_INVALID", bad);
  }
});

test("an answer to an attestation is one token", () => {
  const read = (text: string): string => codeThrown(() => readTokenAnswer(bytes(text)), "read");
  assert.equal(read('{"token":"a.b.c"}'), "read");
  for (const bad of [
    "",
    '{"token":""}',
    '{"token":"a.b"}',
    '{"token":"a.b.c\\r\\nx: y"}',
    '{"token":"a.b.c","more":1}',
    '"a.b.c"',
  ])
    assert.equal(read(bad), "KBS_ANSWER_INVALID", bad);
});

test("a key shows its public members alone, of either half, and with the length that RFC 7518 fixes", () => {
  for (const namedCurve of ["P-256", "P-521"] as const) {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
    const shown = teePublicKey(privateKey);
    assert.deepEqual(shown, teePublicKey(publicKey));
    assert.deepEqual(Object.keys(shown), ["kty", "alg", "crv", "x", "y"]);
    assert.ok(shown.kty === "EC" && shown.x.length === (namedCurve === "P-256" ? 43 : 88));
  }
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  assert.deepEqual(Object.keys(teePublicKey(privateKey)), ["kty", "alg", "n", "e"]);
});

test("keys that KBS can't encrypt to are refused", () => {
  const keys = [
    generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
    generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey,
    generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey,
    generateKeyPairSync("x25519").privateKey,
    generateKeyPairSync("ed25519").publicKey,
  ];
  for (const one of keys)
    assert.equal(
      codeThrown(() => teePublicKey(one), "taken"),
      "KBS_TEE_KEY_UNSUPPORTED",
    );
});

test("two keys are the same whatever the order of their members", () => {
  const reordered = Object.fromEntries(Object.entries(key).toReversed()) as typeof key;
  assert.ok(isSameTeeKey(key, reordered));
  assert.ok(!isSameTeeKey(key, { ...key, x: key.y }));
});
