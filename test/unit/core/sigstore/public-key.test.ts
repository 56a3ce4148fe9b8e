import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { Failure } from "../../../../src/core/failure.ts";
import { readPublicKey } from "../../../../src/core/sigstore/public-key.ts";
import { managedKey } from "../../../support/sigstore-keyed.ts";

function pemOf(pair: { publicKey: { export(options: { format: "pem"; type: "spki" }): string | Buffer } }): string {
  return pair.publicKey.export({ format: "pem", type: "spki" }).toString();
}

test("reads keys on P-256, P-384 and P-521, Ed25519 and RSA keys, with line ends of either kind", () => {
  for (const kind of ["P-256", "P-384", "P-521", "Ed25519", "RSA"] as const) {
    const { pem, trusted } = managedKey(kind);
    assert.equal(trusted.sha256, createHash("sha256").update(trusted.spki).digest("hex"));
    for (const text of [pem, pem.replaceAll("\n", "\r\n"), pem.trimEnd(), `\n${pem}\n\n`])
      assert.equal(readPublicKey(Buffer.from(text)).sha256, trusted.sha256, kind);
  }
});

test("refuses weak, other and more than one key, private keys and certificates, and never shows what it read", () => {
  const { pem, privateKey, trusted } = managedKey();
  const der = Buffer.from(trusted.spki);
  const wrapped = (bytes: Buffer): string =>
    `-----BEGIN PUBLIC KEY-----\n${bytes.toString("base64")}\n-----END PUBLIC KEY-----\n`;
  const rsa = Buffer.from(managedKey("RSA").trusted.spki);
  const secret = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const cases = {
    "an RSA key of 1024 bits": pemOf(generateKeyPairSync("rsa", { modulusLength: 1024 })),
    "an RSA key with the exponent 1": wrapped(Buffer.concat([rsa.subarray(0, -3), Buffer.of(0, 0, 1)])),
    "a key on secp256k1": pemOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" })),
    "an RSA-PSS key": pemOf(generateKeyPairSync("rsa-pss", { modulusLength: 2048 })),
    "an X25519 key": pemOf(generateKeyPairSync("x25519")),
    "a private key": secret,
    "a public key before a private one": pem + secret,
    "two public keys": pem + pem,
    "explicit curve parameters": pemOf(
      generateKeyPairSync("ec", { namedCurve: "prime256v1", paramEncoding: "explicit" }),
    ),
    "bytes after the key": wrapped(Buffer.concat([der, Buffer.of(0)])),
    "half a key": wrapped(der.subarray(0, 40)),
    "a certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "text around it": `key:\n${pem}`,
    "base64 that is not canonical": pem.replace("=", ""),
    DER: der.toString("latin1"),
    nothing: "",
    "a huge file": `${pem}${" ".repeat(100_000)}`,
  };
  for (const [title, text] of Object.entries(cases)) {
    assert.throws(
      () => readPublicKey(Buffer.from(text, "latin1")),
      (error) =>
        error instanceof Failure &&
        error.code === "KEY_INVALID" &&
        error.kind === "usage" &&
        !`${error.message}${error.remedy}`.includes(secret.slice(40, 60)),
      title,
    );
  }
});
