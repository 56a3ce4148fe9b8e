import assert from "node:assert/strict";
import { X509Certificate, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";
import { kbsTrust } from "../../../../src/core/kbs/trust.ts";
import { labAuthority, credential, sha256, startLabKbs } from "../../../support/kbs.ts";

test("attests and gets the resource, with the exact requests of protocol 0.4.0", async (t) => {
  const kbs = await startLabKbs(t);
  const { bytes, claims } = await kbs.fetch();
  assert.equal(Buffer.from(bytes).toString("utf8"), credential);
  const [auth, attest, get, ...more] = kbs.seen;
  assert.ok(auth !== undefined && attest !== undefined && get !== undefined);
  assert.equal(more.length, 0);

  assert.deepEqual([auth.method, auth.path], ["POST", "/kbs/v0/auth"]);
  assert.equal(auth.body.toString("utf8"), '{"version":"0.4.0","tee":"tdx","extra-params":{}}');
  assert.deepEqual([auth.cookie, auth.authorization], ["", ""]);
  const setCookie = String(auth.answer.headers?.["set-cookie"]);
  assert.match(
    setCookie,
    /^kbs-session-id=[0-9a-f]{32}; Expires=[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$/,
  );
  const { nonce } = JSON.parse(String(auth.answer.body)) as { nonce: string };

  assert.deepEqual([attest.method, attest.path], ["POST", "/kbs/v0/attest"]);
  assert.deepEqual([attest.cookie, attest.authorization], [setCookie.split(";")[0], ""]);
  const message = JSON.parse(attest.body.toString("utf8")) as {
    "runtime-data": { "tee-pubkey": Record<string, string> };
    "tee-evidence": { primary_evidence: { quote: string; cc_eventlog: string } };
  };
  const key = message["runtime-data"]["tee-pubkey"];
  const { quote, cc_eventlog: log } = message["tee-evidence"].primary_evidence;
  assert.deepEqual(Object.keys(key), ["kty", "alg", "crv", "x", "y"]);
  assert.equal(
    attest.body.toString("utf8"),
    `{"init-data":null,"runtime-data":{"nonce":"${nonce}","tee-pubkey":${JSON.stringify(key)}},` +
      `"tee-evidence":{"primary_evidence":{"quote":"${quote}","cc_eventlog":"${log}"},"additional_evidence":""}}`,
  );
  assert.equal(Buffer.from(quote, "base64").toString("base64"), quote);
  // The canonical form is of the object with the additional evidence, which is an empty text.
  const hashed = Buffer.from(canonicalBytes({ nonce, "tee-pubkey": key, "additional-evidence": "" })).toString("utf8");
  assert.ok(hashed.startsWith('{"additional-evidence":"","nonce":"'));

  const { token } = JSON.parse(String(attest.answer.body)) as { token: string };
  assert.deepEqual([get.method, get.path, get.query], ["GET", "/kbs/v0/resource/default/credential/registry", ""]);
  assert.deepEqual([get.cookie, get.authorization], ["", `Bearer ${token}`]);
  assert.equal(claims.tokenSha256, sha256(Buffer.from(token)));
  assert.deepEqual(
    [claims.status, claims.issuer, claims.tcbStatus],
    ["affirming", "CoCo-Attestation-Service", "UpToDate"],
  );
});

for (const [name, type, options] of [
  ["P-256", "ec", { namedCurve: "P-256" }],
  ["P-521", "ec", { namedCurve: "P-521" }],
  ["RSA-OAEP-256", "rsa", { modulusLength: 2048 }],
] as const) {
  test(`gets a resource that is encrypted to a key of ${name}`, async (t) => {
    const kbs = await startLabKbs(t);
    const makeKey = () =>
      type === "rsa" ? generateKeyPairSync(type, options).privateKey : generateKeyPairSync(type, options).privateKey;
    const { bytes } = await kbs.fetch({ makeKey });
    assert.equal(Buffer.from(bytes).toString("utf8"), credential);
  });
}

test("takes the broker by the pinned key alone, whoever issued its certificate, and the token by its signer's key", async (t) => {
  const kbs = await startLabKbs(t);
  const spki = (pem: string) => new X509Certificate(pem).publicKey;
  const tlsKeySha256 = sha256(spki(labAuthority.tlsCertificate).export({ type: "spki", format: "der" }));
  const tokenKey = spki(labAuthority.tokenChain).export({ type: "spki", format: "pem" }).toString();
  const { bytes } = await kbs.fetch({ trust: kbsTrust({ tlsKeySha256, tokenKey }, "local") });
  assert.equal(Buffer.from(bytes).toString("utf8"), credential);
});

test("two at once have sessions, nonces and keys of their own", async (t) => {
  const kbs = await startLabKbs(t);
  const both = await Promise.all([kbs.fetch(), kbs.fetch()]);
  assert.equal(both.length, 2);
  const attests = kbs.seen.filter(({ path }) => path === "/kbs/v0/attest");
  assert.equal(new Set(attests.map(({ cookie }) => cookie)).size, 2);
  assert.equal(new Set(attests.map(({ body }) => body.toString("utf8"))).size, 2);
});
