import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { Failure } from "../../../../src/core/failure.ts";
import { readBrokerKey } from "../../../../src/operations/attested-key/open-attested-key.ts";
import { brokerCredentials, readCredential } from "../../../../src/operations/attested-key/registry-credential.ts";

const secret = "s3cret-of-the-registry";

test("a credential is JSON or one line, and anything else is refused without showing it", () => {
  const expected = { kind: "basic", username: "robot", password: secret };
  for (const good of [
    JSON.stringify({ username: "robot", password: secret }),
    `robot:${secret}`,
    `robot:${secret}\n`,
  ]) {
    assert.deepEqual(readCredential(Buffer.from(good)), expected);
  }
  for (const bad of [
    "",
    secret,
    `{"password":"${secret}"}`,
    `robot:${secret}\nmore`,
    `["${secret}"]`,
    `a b:${secret}`,
  ]) {
    assert.throws(
      () => readCredential(Buffer.from(bad)),
      (error: unknown) =>
        error instanceof Failure &&
        error.code === "ATTESTED_CREDENTIAL_INVALID" &&
        !JSON.stringify([error.message, error.remedy, error.details]).includes(secret),
    );
  }
});

test("it goes to its registry alone, is fetched once in ten minutes, and its bytes are overwritten", async () => {
  let time = 0;
  const given: Uint8Array[] = [];
  const fetch = (): Promise<Uint8Array> => {
    const bytes = Buffer.from(`robot:${secret}`);
    given.push(bytes);
    return Promise.resolve(bytes);
  };
  const source = brokerCredentials("ghcr.io", fetch, () => time);
  assert.equal(await source("evil.ghcr.io"), undefined);
  assert.equal(await source("cr.io"), undefined);
  assert.equal(given.length, 0);
  const found = await source("ghcr.io");
  assert.deepEqual(found, { kind: "basic", username: "robot", password: secret, until: 10 * 60_000 });
  await source("ghcr.io");
  assert.equal(given.length, 1);
  time = 10 * 60_000;
  await source("ghcr.io");
  assert.equal(given.length, 2);
  assert.ok(given.every((bytes) => bytes.every((byte) => byte === 0)));
});

test("the broker's signing key is a P-256 key in PEM, or refused without showing it", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  assert.ok(readBrokerKey(Buffer.from(pem)).equals(privateKey));
  const other = generateKeyPairSync("ec", { namedCurve: "secp384r1" }).privateKey;
  for (const bad of ["", secret, other.export({ format: "pem", type: "pkcs8" })]) {
    assert.throws(
      () => readBrokerKey(Buffer.from(bad)),
      (error: unknown) =>
        error instanceof Failure && error.code === "ATTESTED_KEY_INVALID" && !error.message.includes(secret),
    );
  }
});
