import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { importSPKI, jwtVerify } from "jose";
import { Failure } from "../../../../src/core/failure.ts";
import { adminPublicKey, adminToken } from "../../../../src/core/kbs/admin-token.ts";

const pem = { format: "pem", type: "pkcs8" } as const;
const key = generateKeyPairSync("ed25519").privateKey.export(pem).toString();
const claims = { issuer: "neko-trust", audience: "kbs", role: "kbs-admin", minutes: 20 };
const now = new Date("2026-11-23T12:00:00.900Z");

test("a token is verified by another library with the public half, and says who, for whom and how long", async () => {
  const { payload, protectedHeader } = await jwtVerify(
    adminToken(key, claims, now),
    await importSPKI(adminPublicKey(key), "EdDSA"),
    { issuer: "neko-trust", audience: "kbs", currentDate: now, algorithms: ["EdDSA"] },
  );
  assert.deepEqual(protectedHeader, { alg: "EdDSA", typ: "JWT" });
  const issued = Date.parse("2026-11-23T12:00:00Z") / 1000;
  assert.deepEqual(payload, { iss: "neko-trust", aud: "kbs", role: "kbs-admin", iat: issued, exp: issued + 1200 });
});

test("the public half has nothing of the private one", () => {
  assert.match(adminPublicKey(key), /^-----BEGIN PUBLIC KEY-----\n/);
  assert.ok(!adminPublicKey(key).includes("PRIVATE"));
});

test("refuses other keys and texts, and never shows them", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pem).toString();
  for (const bad of [rsa, "not a key", "", adminPublicKey(key)]) {
    assert.throws(
      () => adminToken(bad, claims, now),
      (error: unknown) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.code, "KBS_ADMIN_KEY_INVALID");
        assert.ok(bad === "" || !`${error.message}${error.remedy}${error.stack ?? ""}`.includes(bad));
        return true;
      },
    );
  }
});
