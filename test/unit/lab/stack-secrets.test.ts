import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { kbsAuthorityOf, labSecrets } from "../../../lab/stack-secrets.ts";
import { adminPublicKey } from "../../../src/core/kbs/admin-token.ts";
import { readCredential } from "../../../src/operations/attested-key/registry-credential.ts";
import { signerOfAuthority, certificatesOf } from "../../../src/core/kbs/token-signer.ts";

function secretsFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-secrets-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, "secrets.json");
}

test("a lab's secrets stay what they are, and hold what a key broker starts with", (t) => {
  const path = secretsFile(t);
  const first = labSecrets(path);
  assert.deepEqual(labSecrets(path), first);
  const authority = kbsAuthorityOf(first);
  assert.equal(signerOfAuthority(authority.tokenRoot).kind, "authority");
  assert.match(adminPublicKey(authority.adminKey), /BEGIN PUBLIC KEY/);
  assert.equal(readCredential(Buffer.from(first["brokerCredential"] ?? "")).username, "neko-lab-signer");
  for (const pem of [authority.tokenChain, authority.tlsCertificate, authority.tlsAuthority]) {
    assert.ok(certificatesOf(pem).length > 0);
  }
});

test("a lab of before gets certificates of the key broker, and keeps the rest", (t) => {
  const path = secretsFile(t);
  const first = labSecrets(path);
  const placeholder = "-----BEGIN CERTIFICATE-----\nTkVLTy1MQUItTk9ULUEtQ0VSVElGSUNBVEU=\n-----END CERTIFICATE-----\n";
  writeFileSync(path, JSON.stringify({ ...first, brokerTokenRoot: placeholder, sealingSeed: "kept" }));
  const again = labSecrets(path);
  assert.equal(again["sealingSeed"], "kept");
  assert.notEqual(again["brokerTokenRoot"], placeholder);
  assert.equal(certificatesOf(kbsAuthorityOf(again).tokenRoot).length, 1);
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), again);
  writeFileSync(path, JSON.stringify({ ...again, brokerCredential: "neko-lab-not-a-credential" }));
  const mended = labSecrets(path)["brokerCredential"] ?? "";
  assert.ok(mended.startsWith("neko-lab-signer:") && mended !== again["brokerCredential"]);
});
