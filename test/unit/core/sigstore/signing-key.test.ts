import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, scryptSync, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { test } from "node:test";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { Failure } from "../../../../src/core/failure.ts";
import { readSigningKey } from "../../../../src/core/sigstore/signing-key.ts";
import { codeThrown } from "../../../support/failures.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const spki = publicKey.export({ format: "der", type: "spki" });
const passphrase = "correct horse battery staple";

function pemOf(label: string, content: Uint8Array | string): string {
  const lines =
    Buffer.from(content)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** As go-securesystemslib writes it (encrypted.go). */
function cosignFile(key: KeyObject, change: (file: ReturnType<typeof sealed>) => unknown = (file) => file): string {
  return JSON.stringify(change(sealed(key)));
}

function sealed(key: KeyObject, N = 65_536) {
  const salt = Buffer.alloc(32, 7);
  const nonce = Buffer.alloc(24, 9);
  const box = xsalsa20poly1305(scryptSync(passphrase, salt, 32, { N, r: 8, p: 1, maxmem: 1 << 28 }), nonce);
  const ciphertext = Buffer.from(box.encrypt(key.export({ format: "der", type: "pkcs8" })));
  return {
    kdf: { name: "scrypt", params: { N, r: 8, p: 1 }, salt: salt.toString("base64") },
    cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
    ciphertext: ciphertext.toString("base64"),
  };
}

const sigstore = "ENCRYPTED SIGSTORE PRIVATE KEY";
const codeOf = (pem: string, word?: string): string =>
  codeThrown(() => readSigningKey(pem, word, "key.pem"), "accepted");

test("reads plain and encrypted PKCS#8 and both labels of cosign's files; the hint is cosign's", () => {
  const cipher = { cipher: "aes-256-cbc", passphrase } as const;
  const files: [string, string | undefined][] = [
    [privateKey.export({ format: "pem", type: "pkcs8" }).toString(), undefined],
    [privateKey.export({ format: "pem", type: "pkcs8", ...cipher }).toString(), passphrase],
    [pemOf(sigstore, cosignFile(privateKey)), passphrase],
    [pemOf("ENCRYPTED COSIGN PRIVATE KEY", cosignFile(privateKey)), passphrase],
    [pemOf(sigstore, JSON.stringify(sealed(privateKey, 32_768))).replaceAll("\n", "\r\n"), passphrase],
  ];
  for (const [pem, word] of files) {
    const key = readSigningKey(pem, word, "key.pem");
    const digest = createHash("sha256").update(spki).digest();
    assert.equal(key.hint, digest.toString("base64"));
    assert.equal(key.fingerprint, `sha256:${digest.toString("hex")}`);
    assert.equal(key.publicKey, publicKey.export({ format: "pem", type: "spki" }));
    assert.ok(verify("sha256", Buffer.from("x"), publicKey, sign("sha256", Buffer.from("x"), key.privateKey)));
  }
});

test("a wrong passphrase, a missing one, and an empty one are told apart from a broken file", () => {
  const pem = pemOf(sigstore, cosignFile(privateKey));
  const pkcs8 = privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase }).toString();
  for (const file of [pem, pkcs8]) {
    assert.equal(codeOf(file), "SIGNING_KEY_PASSPHRASE_MISSING");
    assert.equal(codeOf(file, "wrong"), "SIGNING_KEY_PASSPHRASE_WRONG");
    assert.equal(codeOf(file, ""), "SIGNING_KEY_PASSPHRASE_WRONG");
  }
  for (const change of [
    (file: ReturnType<typeof sealed>) => ({ ...file, ciphertext: `${file.ciphertext}!` }),
    (file: ReturnType<typeof sealed>) => ({ ...file, kdf: { ...file.kdf, params: { N: 1 << 30, r: 8, p: 1 } } }),
    (file: ReturnType<typeof sealed>) => ({ ...file, kdf: { ...file.kdf, name: "pbkdf2" } }),
    (file: ReturnType<typeof sealed>) => ({ ...file, cipher: { ...file.cipher, nonce: "AAAA" } }),
    () => ({}),
    () => null,
  ])
    assert.equal(codeOf(pemOf(sigstore, cosignFile(privateKey, change)), passphrase), "SIGNING_KEY_INVALID");
});

test("other keys and files are refused: other curves and kinds, public keys, no PEM", () => {
  const pkcs8 = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" }).toString();
  for (const key of [
    generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
    generateKeyPairSync("ed25519").privateKey,
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  ])
    assert.equal(codeOf(pkcs8(key)), "SIGNING_KEY_UNSUPPORTED");
  assert.equal(codeOf(privateKey.export({ format: "pem", type: "sec1" }).toString()), "SIGNING_KEY_UNSUPPORTED");
  assert.equal(codeOf(publicKey.export({ format: "pem", type: "spki" }).toString()), "SIGNING_KEY_UNSUPPORTED");
  for (const text of ["", "no key", pemOf("PRIVATE KEY", "nonsense"), pkcs8(privateKey).slice(0, 80)])
    assert.equal(codeOf(text), "SIGNING_KEY_INVALID");
});

test("no message, cause or stack holds the key or the passphrase", () => {
  const pem = pemOf(sigstore, cosignFile(privateKey));
  for (const call of [
    () => readSigningKey(pem, "another secret passphrase", "key.pem"),
    () => readSigningKey(pem.replace("ENCRYPTED SIGSTORE", "SOME OTHER"), passphrase, "key.pem"),
    () => readSigningKey(pemOf("PRIVATE KEY", "secret-but-broken-key-material"), undefined, "key.pem"),
  ]) {
    assert.throws(call, (error) => {
      assert.ok(error instanceof Failure);
      const shown = inspect(error, { depth: 10, showHidden: true });
      return ["another secret", passphrase, "c2VjcmV0LWJ1dC", pem.slice(60, 100)].every(
        (part) => !shown.includes(part),
      );
    });
  }
});
