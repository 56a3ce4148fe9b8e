import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { test } from "node:test";
import { FlattenedEncrypt } from "jose";
import { concatKdf, encryptResource } from "../../../../lab/kbs/encrypt-resource.ts";
import { decryptResource } from "../../../../src/core/kbs/resource-response.ts";
import { teePublicKey } from "../../../../src/core/kbs/tee-key.ts";
import { failureCodeOf } from "../../../support/failures.ts";
import { mutateJson, randomFrom } from "../../../support/json-mutations.ts";

const secret = Buffer.from("the authority to publish");
const pairs = {
  p256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  p521: generateKeyPairSync("ec", { namedCurve: "P-521" }),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
};
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });

type Response = Record<string, unknown>;
const bytesOf = (response: unknown): Uint8Array => Buffer.from(JSON.stringify(response), "utf8");
const good = (key: KeyObject = pairs.p256.privateKey): Record<string, string> =>
  encryptResource(secret, teePublicKey(key));
const code = (response: unknown, key: KeyObject = pairs.p256.privateKey): Promise<string> =>
  failureCodeOf(decryptResource(bytesOf(response), key));

function withHeader(response: Record<string, string>, changes: Response): Response {
  const header = JSON.parse(Buffer.from(response["protected"] ?? "", "base64url").toString("utf8")) as Response;
  return { ...response, protected: Buffer.from(JSON.stringify({ ...header, ...changes })).toString("base64url") };
}

test("derives the key of RFC 7518, appendix C, and so does what KBS's form of it is made with", () => {
  const alice = {
    kty: "EC",
    crv: "P-256",
    x: "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    y: "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    d: "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
  };
  const bob = {
    kty: "EC",
    crv: "P-256",
    x: "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    y: "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
  };
  const shared = diffieHellman({
    privateKey: createPrivateKey({ key: alice, format: "jwk" }),
    publicKey: createPublicKey({ key: bob, format: "jwk" }),
  });
  const derived = concatKdf(shared, "A128GCM", 16, Buffer.from("Alice"), Buffer.from("Bob"));
  assert.equal(derived.toString("base64url"), "VqqN6vgjbSBcIijNcacQGg");
});

for (const [name, { privateKey }] of Object.entries(pairs)) {
  test(`decrypts what KBS encrypts to ${name}, also nothing at all`, async () => {
    assert.deepEqual(Buffer.from(await decryptResource(bytesOf(good(privateKey)), privateKey)), secret);
    const empty = encryptResource(Buffer.of(), teePublicKey(privateKey));
    assert.equal((await decryptResource(bytesOf(empty), privateKey)).length, 0);
  });
}

/** A response by the other library, with algorithms that must not be taken. */
async function foreign(alg: string, enc: string, key: KeyObject | Uint8Array): Promise<Response> {
  return { ...(await new FlattenedEncrypt(secret).setProtectedHeader({ alg, enc }).encrypt(key)) };
}

test("takes the key's own algorithm and A256GCM, and nothing weaker or else", async () => {
  const { p256, rsa } = pairs;
  assert.equal(await code(await foreign("ECDH-ES+A256KW", "A256GCM", p256.publicKey)), "accepted");
  assert.equal(await code(await foreign("RSA-OAEP-256", "A256GCM", rsa.publicKey), rsa.privateKey), "accepted");
  for (const [alg, enc] of [
    ["ECDH-ES+A128KW", "A256GCM"],
    ["ECDH-ES+A192KW", "A256GCM"],
    ["ECDH-ES+A256KW", "A128GCM"],
    ["ECDH-ES+A256KW", "A256CBC-HS512"],
  ] as const) {
    assert.equal(await code(await foreign(alg, enc, p256.publicKey)), "KBS_RESPONSE_ALGORITHM", `${alg} ${enc}`);
  }
  for (const [alg, enc] of [
    ["RSA-OAEP", "A256GCM"],
    ["RSA-OAEP-512", "A256GCM"],
    ["RSA-OAEP-256", "A128GCM"],
  ] as const) {
    assert.equal(await code(await foreign(alg, enc, rsa.publicKey), rsa.privateKey), "KBS_RESPONSE_ALGORITHM", alg);
  }
  // Without a wrapped key there is nothing of the protocol's form.
  assert.equal(await code(await foreign("dir", "A256GCM", new Uint8Array(32))), "KBS_RESPONSE_MALFORMED");
  assert.equal(await code(await foreign("ECDH-ES", "A256GCM", p256.publicKey)), "KBS_RESPONSE_MALFORMED");
  for (const alg of ["RSA1_5", "dir", "none", "A256KW", "PBES2-HS512+A256KW", "ML-KEM-768+A192KW", "", undefined, 1]) {
    assert.equal(await code(withHeader(good(), { alg })), "KBS_RESPONSE_ALGORITHM", String(alg));
  }
  for (const enc of ["A256CBC-HS512", "A128GCM", "none", undefined]) {
    assert.equal(await code(withHeader(good(), { enc })), "KBS_RESPONSE_ALGORITHM", String(enc));
  }
  // Of a key of another kind.
  assert.equal(await code(good(pairs.rsa.privateKey)), "KBS_RESPONSE_ALGORITHM");
});

test("the ephemeral key is a point on the key's own curve", async () => {
  const { x, y } = other.publicKey.export({ format: "jwk" });
  const epk = (value: unknown) => code(withHeader(good(), { epk: value }));
  // On the curve, but another's: the key can't be unwrapped.
  assert.equal(await epk({ kty: "EC", crv: "P-256", x, y }), "KBS_RESPONSE_DECRYPTION");
  const p521 = pairs.p521.publicKey.export({ format: "jwk" });
  for (const bad of [
    undefined,
    null,
    "epk",
    {},
    { kty: "EC", crv: "P-256", x, y: x },
    { kty: "EC", crv: "P-256", x: "AA", y: "AA" },
    { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) },
    { kty: "EC", crv: "P-521", x: p521.x, y: p521.y },
    { kty: "EC", crv: "P-256", x: p521.x, y: p521.y },
    { kty: "OKP", crv: "X25519", x },
    { kty: "EC", crv: "P-256", x, y, d: x },
    { kty: "EC", crv: "P-256", x: `${x ?? ""}=`, y },
  ]) {
    assert.equal(await epk(bad), "KBS_RESPONSE_EPHEMERAL_KEY", JSON.stringify(bad));
  }
});

test("another's response, and one bit changed anywhere, does not decrypt", async () => {
  assert.equal(await code(good(other.privateKey)), "KBS_RESPONSE_DECRYPTION");
  assert.equal(
    await code(good(pairs.rsa.privateKey), generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey),
    "KBS_RESPONSE_DECRYPTION",
  );
  const response = good();
  for (const part of ["encrypted_key", "iv", "ciphertext", "tag"] as const) {
    const changed = Buffer.from(response[part] ?? "", "base64url");
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    assert.equal(await code({ ...response, [part]: changed.toString("base64url") }), "KBS_RESPONSE_DECRYPTION", part);
  }
  // The same header in other bytes: they are authenticated as they came.
  const spaced = Buffer.from(response["protected"] ?? "", "base64url")
    .toString("utf8")
    .replace("{", "{ ");
  assert.equal(
    await code({ ...response, protected: Buffer.from(spaced).toString("base64url") }),
    "KBS_RESPONSE_DECRYPTION",
  );
});

test("one flattened form and nothing beside it", async () => {
  const response = good();
  const bad: Readonly<Record<string, unknown>> = {
    "an aad": { ...response, aad: "AA" },
    "an unprotected header": { ...response, header: { alg: "dir" } },
    "a shared header": { ...response, unprotected: {} },
    "general form": { ...response, recipients: [] },
    "no tag": { ...response, tag: undefined },
    "a short tag": { ...response, tag: "AAAA" },
    "a long tag": { ...response, tag: "A".repeat(43) },
    "a short iv": { ...response, iv: "AAAA" },
    padding: { ...response, iv: `${response["iv"] ?? ""}=` },
    "a wrapped key of another length": { ...response, encrypted_key: "A".repeat(32) },
    "no wrapped key": { ...response, encrypted_key: "" },
    "a ciphertext of other letters": { ...response, ciphertext: "a+b/" },
    compression: withHeader(response, { zip: "DEF" }),
    "something critical": withHeader(response, { crit: ["exp"] }),
    "party information": withHeader(response, { apu: "QQ", apv: "Qg" }),
    "a list": [response],
    "a text": "e30.e30.e30.e30.e30",
    "no header": { ...response, protected: "e" },
    "a header of text": { ...response, protected: Buffer.from('"x"').toString("base64url") },
    "a header with a key twice": {
      ...response,
      protected: Buffer.from('{"alg":"dir","alg":"dir"}').toString("base64url"),
    },
  };
  for (const [name, one] of Object.entries(bad)) assert.equal(await code(one), "KBS_RESPONSE_MALFORMED", name);
  const { privateKey } = pairs.rsa;
  assert.equal(await code(withHeader(good(privateKey), { epk: {} }), privateKey), "KBS_RESPONSE_MALFORMED");
});

const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

test(`no mutation gives anything but the resource or a refusal (seed ${seed})`, async () => {
  const random = randomFrom(seed);
  const response = good();
  for (let count = 0; count < total; count += 1) {
    const { bytes, what } = mutateJson(response, random);
    const outcome = await decryptResource(bytes, pairs.p256.privateKey).then(
      (plain) => Buffer.from(plain).toString("utf8"),
      (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
    );
    assert.match(outcome, /^(?:KBS_RESPONSE_[A-Z_]+|the authority to publish)$/, what);
  }
});
