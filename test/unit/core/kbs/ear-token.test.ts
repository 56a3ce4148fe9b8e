import assert from "node:assert/strict";
import { X509Certificate, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { test } from "node:test";
import { signParts, tokenIssuer } from "../../../../lab/kbs/attestation-token.ts";
import { makeKbsAuthority } from "../../../../lab/kbs/authority.ts";
import { extensions, issueCertificate } from "../../../../lab/sigstore/certificates.ts";
import type { Extension, Issuer } from "../../../../lab/sigstore/certificates.ts";
import { verifyEarToken } from "../../../../src/core/kbs/ear-token.ts";
import type { TokenExpectation } from "../../../../src/core/kbs/ear-token.ts";
import { signerOfAuthority, signerOfKey } from "../../../../src/core/kbs/token-signer.ts";
import { codeThrown } from "../../../support/failures.ts";
import { mutateJson, randomFrom } from "../../../support/json-mutations.ts";
import {
  expectation,
  goodClaims,
  goodEvidence,
  goodHeader,
  labIssuer,
  teeKey,
  tokenAuthority,
  tokenNonce,
  tokenOf,
  tokenTime,
} from "../../../support/kbs-token.ts";

async function codes(token: string, changes: Partial<TokenExpectation> = {}): Promise<readonly string[]> {
  const verdict = await verifyEarToken(token, { ...expectation, ...changes });
  return verdict.ok ? ["accepted"] : verdict.faults.map(({ code }) => code);
}

test("a good one is accepted, by the root of its chain and by its key, and says what it is good for", async () => {
  const verdict = await verifyEarToken(tokenOf(), expectation);
  assert.ok(verdict.ok);
  const { tokenSha256, ...claims } = verdict.claims;
  assert.match(tokenSha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(claims, {
    issuer: "CoCo-Attestation-Service",
    issuedAt: tokenTime,
    expires: new Date("2026-11-27T12:05:00Z"),
    status: "affirming",
    policyId: "default",
    tcbStatus: "UpToDate",
  });
  const pem = createPublicKey(labIssuer.key).export({ type: "spki", format: "pem" }).toString();
  const signer = signerOfKey(pem);
  assert.deepEqual(await codes(tokenOf(), { signer }), ["accepted"]);
  assert.deepEqual(await codes(tokenOf(goodClaims(), { alg: "ES256" }), { signer }), ["accepted"]);
});

test("ES256 only: no none, no HMAC with the public key, no other curve", async () => {
  for (const alg of ["none", "HS256", "ES384", "RS256", "EdDSA", "es256", "", undefined, 1, ["ES256"]]) {
    assert.deepEqual(await codes(tokenOf(goodClaims(), { ...goodHeader, alg })), ["TOKEN_ALGORITHM"], String(alg));
  }
  const [header = "", payload = ""] = tokenOf().split(".");
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`;
  assert.deepEqual(await codes(none), ["TOKEN_ALGORITHM"]);
  assert.deepEqual(await codes(`${header}.${payload}.`), ["TOKEN_SIGNATURE"]);
  for (const crit of [["exp"], [], "exp", null]) {
    assert.deepEqual(await codes(tokenOf(goodClaims(), { ...goodHeader, crit, exp: 1 })), ["TOKEN_CRITICAL"]);
  }
});

test("a key of one's own in the header is worth nothing, with a chain of one's own or another's", async () => {
  const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { kty, crv, x, y } = own.publicKey.export({ format: "jwk" });
  const by = (jwk: unknown, key: KeyObject = own.privateKey) =>
    codes(tokenOf(goodClaims(), { ...goodHeader, jwk }, key));
  assert.deepEqual(await by({ kty, crv, x, y }), ["TOKEN_CHAIN"]);
  assert.deepEqual(await by({ kty, crv, x, y, x5c: labIssuer.jwk["x5c"] }), ["TOKEN_CHAIN"]);
  const other = makeKbsAuthority(tokenTime);
  assert.deepEqual(await by(tokenIssuer(other.tokenKey, other.tokenChain).jwk), ["TOKEN_CHAIN"]);
  // The good key's header, signed by another.
  assert.deepEqual(await by(labIssuer.jwk), ["TOKEN_SIGNATURE"]);
  assert.deepEqual(await by(undefined), ["TOKEN_SIGNER"]);
  assert.deepEqual(await by({ kty, crv, x, y: x }), ["TOKEN_SIGNER"]);
  assert.deepEqual(await by({ kty: "oct", k: "AA" }), ["TOKEN_SIGNER"]);
  assert.deepEqual(await by({ ...labIssuer.jwk, alg: "ES384" }), ["TOKEN_SIGNER"]);
  const pem = own.publicKey.export({ type: "spki", format: "pem" }).toString();
  assert.deepEqual(await codes(tokenOf(), { signer: signerOfKey(pem) }), ["TOKEN_SIGNER"]);
  assert.deepEqual(await codes(tokenOf(goodClaims(), { alg: "ES256" }), { signer: signerOfKey(pem) }), [
    "TOKEN_SIGNATURE",
  ]);
});

const pair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const issuerOf = (commonName: string): Issuer => ({ name: { commonName }, ...pair() });
const days = (count: number): Date => new Date(tokenTime.getTime() + count * 24 * 3600 * 1000);

function certificate(issuer: Issuer, subject: Issuer, more: readonly Extension[], from = -1, until = 1): Buffer {
  const window = { notBefore: days(from), notAfter: days(until) };
  return issueCertificate({ issuer, subject: subject.name, publicKey: subject.publicKey, extensions: more, ...window });
}

test("chains: authorities must be such, valid, in order, and few", async () => {
  const root = issuerOf("root");
  const [between, second, leaf] = [issuerOf("between"), issuerOf("second"), issuerOf("leaf")];
  const authority = extensions.authority();
  const use = [extensions.digitalSignature];
  const rootDer = certificate(root, root, authority, -10, 10);
  const pemOf = (der: Buffer): string => new X509Certificate(der).toString();
  const { kty, crv, x, y } = leaf.publicKey.export({ format: "jwk" });
  const judged = (chain: readonly Buffer[], encoding: "base64" | "base64url" = "base64", anchor = rootDer) => {
    const jwk = { kty, crv, x, y, alg: "ES256", x5c: chain.map((der) => der.toString(encoding)) };
    const token = tokenOf(goodClaims(), { ...goodHeader, jwk }, leaf.privateKey);
    return codes(token, { signer: signerOfAuthority(pemOf(anchor)) });
  };
  const direct = certificate(root, leaf, use);
  const ofBetween = certificate(between, leaf, use);
  const betweenDer = certificate(root, between, authority);
  for (const chain of [[direct], [direct, rootDer], [ofBetween, betweenDer], [ofBetween, betweenDer, rootDer]]) {
    assert.deepEqual(await judged(chain), ["accepted"]);
  }
  assert.deepEqual(await judged([direct], "base64url"), ["accepted"]);
  const secondDer = certificate(between, second, authority);
  const bad: Readonly<Record<string, readonly Buffer[]>> = {
    "no root": [ofBetween],
    "the wrong order": [betweenDer, ofBetween],
    "expired leaf": [certificate(root, leaf, use, -3, -1)],
    "leaf of the future": [certificate(root, leaf, use, 1, 3)],
    "expired authority": [ofBetween, certificate(root, between, authority, -3, -1)],
    "a leaf as authority": [certificate(between, leaf, use), certificate(root, between, use)],
    "an authority as leaf": [certificate(root, leaf, authority)],
    "too many": [certificate(second, leaf, use), secondDer, betweenDer],
    "another's between": [ofBetween, certificate(root, issuerOf("between"), authority)],
    "something else": [Buffer.from("no certificate")],
    "root beside, unrelated": [certificate(issuerOf("root"), leaf, use), rootDer],
  };
  for (const [name, chain] of Object.entries(bad)) assert.deepEqual(await judged(chain), ["TOKEN_CHAIN"], name);
  const expired = certificate(root, root, authority, -10, -1);
  assert.deepEqual(await judged([direct], "base64", expired), ["TOKEN_CHAIN"], "expired root");
});

const brokenClaims: readonly (readonly [name: string, expected: readonly string[], claims: unknown])[] = [
  ["no issuer", ["TOKEN_ISSUER"], goodClaims({ iss: undefined })],
  ["another issuer", ["TOKEN_ISSUER"], goodClaims({ iss: "CoCo-Attestation-Service " })],
  ["another profile", ["TOKEN_PROFILE"], goodClaims({ eat_profile: "tag:github.com,2023:veraison/ear" })],
  ["no profile", ["TOKEN_PROFILE"], goodClaims({ eat_profile: undefined })],
  ["no end", ["TOKEN_MALFORMED"], goodClaims({ exp: undefined })],
  ["an end in text", ["TOKEN_MALFORMED"], goodClaims({ exp: "4102444800" })],
  ["no start", ["TOKEN_MALFORMED"], goodClaims({ iat: undefined })],
  ["an end before its start", ["TOKEN_LIFETIME"], goodClaims({ exp: tokenTime.getTime() / 1000 })],
  ["a long life", ["TOKEN_LIFETIME"], goodClaims({ exp: tokenTime.getTime() / 1000 + 1801 })],
  ["not before in the future", ["TOKEN_NOT_YET_VALID"], goodClaims({ nbf: tokenTime.getTime() / 1000 + 61 })],
  ["no submods", ["TOKEN_MALFORMED"], goodClaims({ submods: undefined })],
  ["another submod", ["TOKEN_TEE", "TOKEN_SUBMODS"], goodClaims({ submods: { gpu0: {} } })],
  ["contraindicated", ["TOKEN_STATUS"], goodClaims({}, {}, { "ear.status": "contraindicated" })],
  ["warning", ["TOKEN_STATUS"], goodClaims({}, {}, { "ear.status": "warning" })],
  ["none", ["TOKEN_STATUS"], goodClaims({}, {}, { "ear.status": "none" })],
  ["status missing", ["TOKEN_TEE"], goodClaims({}, {}, { "ear.status": undefined })],
  ["overall status", ["TOKEN_STATUS"], goodClaims({ "ear.status": "warning" })],
  ["the sample TEE", ["TOKEN_TEE"], goodClaims({}, { tdx: undefined, sample: { svn: "1" } })],
  ["another nonce", ["TOKEN_NONCE"], withRuntime({ nonce: Buffer.alloc(32).toString("base64") })],
  ["the nonce spelt otherwise", ["TOKEN_NONCE"], withRuntime({ nonce: tokenNonce.replace("=", "") })],
  ["another key", ["TOKEN_TEE_KEY"], withRuntime({ "tee-pubkey": { ...teeKey, x: "A".repeat(43) } })],
  ["a key with more members", ["TOKEN_TEE_KEY"], withRuntime({ "tee-pubkey": { ...teeKey, kid: "1" } })],
  ["no key", ["TOKEN_TEE_KEY"], withRuntime({ "tee-pubkey": undefined })],
  ["additional evidence", ["TOKEN_ADDITIONAL_EVIDENCE"], withRuntime({ "additional-evidence": "{}" })],
  ["additional evidence missing", ["TOKEN_ADDITIONAL_EVIDENCE"], withRuntime({ "additional-evidence": undefined })],
  [
    "other report data",
    ["TOKEN_REPORT_DATA"],
    goodClaims({}, { report_data: goodEvidence.report_data.replace(/^../, "zz") }),
  ],
  [
    "report data cut off",
    ["TOKEN_REPORT_DATA"],
    goodClaims({}, { report_data: goodEvidence.report_data.slice(0, 96) }),
  ],
];

function withRuntime(changes: Readonly<Record<string, unknown>>): unknown {
  return goodClaims({}, { runtime_data_claims: { ...goodEvidence.runtime_data_claims, ...changes } });
}

for (const [name, expected, claims] of brokenClaims) {
  test(`refuses ${name}`, async () => {
    assert.deepEqual(await codes(tokenOf(claims)), expected);
  });
}

test("a second device beside the processor is refused", async () => {
  const claims = goodClaims() as { submods: Record<string, unknown> };
  const both = { ...claims, submods: { ...claims.submods, gpu0: claims.submods["cpu0"] } };
  assert.deepEqual(await codes(tokenOf(both)), ["TOKEN_SUBMODS"]);
});

test("clocks may differ by a minute, and not by an hour", async () => {
  const at = (seconds: number) => codes(tokenOf(), { now: new Date(tokenTime.getTime() + seconds * 1000) });
  assert.deepEqual(await at(-60), ["accepted"]);
  assert.deepEqual(await at(-61), ["TOKEN_NOT_YET_VALID"]);
  assert.deepEqual(await at(360), ["accepted"]);
  assert.deepEqual(await at(361), ["TOKEN_EXPIRED"]);
  assert.deepEqual(await at(3600), ["TOKEN_EXPIRED"]);
  // Before its certificate, too.
  assert.deepEqual(await at(-3601), ["TOKEN_CHAIN"]);
});

test("all that is wrong is told at once", async () => {
  const claims = goodClaims({ iss: "x", eat_profile: "y" }, { report_data: "" }, { "ear.status": "warning" });
  assert.deepEqual(await codes(tokenOf(claims)), [
    "TOKEN_ISSUER",
    "TOKEN_PROFILE",
    "TOKEN_STATUS",
    "TOKEN_REPORT_DATA",
  ]);
});

test("what is no token is refused, however long or deep", async () => {
  const [header = "", payload = "", signature = ""] = tokenOf().split(".");
  const deep = `${"[".repeat(40)}${"]".repeat(40)}`;
  for (const bad of [
    "",
    "a",
    "a.b",
    `${header}.${payload}`,
    `${header}.${payload}.${signature}.`,
    `${header}=.${payload}.${signature}`,
    `${header}.${payload}.${signature} `,
    `${Buffer.from('{"alg":"ES256","alg":"none"}').toString("base64url")}.${payload}.${signature}`,
    `${header}.${"A".repeat(140_000)}.${signature}`,
    signParts(goodHeader, JSON.parse(deep), labIssuer.key),
  ]) {
    assert.deepEqual(await codes(bad), ["TOKEN_MALFORMED"], bad.slice(0, 40));
  }
});

const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

test(`no mutation of claims, re-signed, is accepted with another meaning (seed ${seed})`, async () => {
  const random = randomFrom(seed);
  const good = await verifyEarToken(tokenOf(), expectation);
  assert.ok(good.ok);
  const {
    tokenSha256: _good,
    policyId: _policy,
    tcbStatus: _tcb,
    issuedAt: _at,
    expires: _end,
    ...meaning
  } = good.claims;
  for (let count = 0; count < total; count += 1) {
    const { bytes, what } = mutateJson(goodClaims(), random);
    const verdict = await verifyEarToken(signedBytes(bytes), expectation);
    if (!verdict.ok) continue;
    const { tokenSha256: _own, policyId: _p, tcbStatus: _t, issuedAt: _i, expires, ...found } = verdict.claims;
    assert.deepEqual(found, meaning, what);
    assert.ok(expires.getTime() >= tokenTime.getTime() - 60_000, what);
  }
});

/** Signs bytes as they are, which signParts can't. */
function signedBytes(payload: Uint8Array): string {
  const encode = (data: Uint8Array | string): string => Buffer.from(data).toString("base64url");
  const signed = `${encode(JSON.stringify(goodHeader))}.${encode(payload)}`;
  return `${signed}.${encode(sign("sha256", Buffer.from(signed), { key: labIssuer.key, dsaEncoding: "ieee-p1363" }))}`;
}

test("pins are what they say", () => {
  const leafPem = /-----BEGIN[^]+?-----END CERTIFICATE-----/.exec(tokenAuthority.tokenChain)?.[0] ?? "";
  for (const bad of ["", "text", leafPem, tokenAuthority.tokenKey]) {
    assert.equal(
      codeThrown(() => signerOfAuthority(bad), "taken"),
      "KBS_TRUST_INVALID",
    );
  }
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ type: "spki", format: "pem" });
  for (const bad of ["", "text", tokenAuthority.tokenKey, p384.toString()]) {
    assert.equal(
      codeThrown(() => signerOfKey(bad), "taken"),
      "KBS_TRUST_INVALID",
    );
  }
});
