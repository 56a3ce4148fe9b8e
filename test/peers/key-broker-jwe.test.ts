import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { encryptResource } from "../../lab/kbs/encrypt-resource.ts";
import { decryptResource } from "../../src/core/kbs/resource-response.ts";
import { teePublicKey } from "../../src/core/kbs/tee-key.ts";

/**
 * Resources as two other implementations encrypt and decrypt them: Python's jwcrypto and joserfc, where NEKO_TRUST_PYTHON names an
 * interpreter that has them (python3 -m venv, pip install jwcrypto joserfc).
 */
const python = process.env["NEKO_TRUST_PYTHON"] ?? "python3";
const script = join(import.meta.dirname, "jwe.py");
const text = "the authority to publish";

const keys: Readonly<Record<string, () => KeyObject>> = {
  "P-256": () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  "P-521": () => generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  RSA: () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
};

/** Both write epk into an unprotected header in the JSON forms, which KBS does not; the compact form has the protected one alone. */
const parts = ["protected", "encrypted_key", "iv", "ciphertext", "tag"] as const;

function ask(library: string, direction: string, message: unknown): string {
  const { status, stdout, stderr } = spawnSync(python, [script, library, direction], {
    input: JSON.stringify(message),
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as string;
}

for (const library of ["jwcrypto", "joserfc"]) {
  const absent = spawnSync(python, ["-c", `import ${library}`]).status !== 0;
  const skip = absent ? `${python} has no ${library}: set NEKO_TRUST_PYTHON` : false;
  for (const [name, make] of Object.entries(keys)) {
    test(`${library} and this client read each other's resources, ${name}`, { skip }, async () => {
      const privateKey = make();
      const { alg, ...own } = teePublicKey(privateKey);
      const compact = ask(library, "encrypt", { key: own, alg, text }).split(".");
      const flattened = Object.fromEntries(parts.map((part, index) => [part, compact[index]]));
      const plain = await decryptResource(Buffer.from(JSON.stringify(flattened)), privateKey);
      assert.equal(Buffer.from(plain).toString("utf8"), text);
      const response = encryptResource(Buffer.from(text), teePublicKey(privateKey));
      const key = privateKey.export({ format: "jwk" });
      const token = parts.map((part) => response[part] ?? "").join(".");
      assert.equal(ask(library, "decrypt", { key, alg, token }), text);
    });
  }
}
