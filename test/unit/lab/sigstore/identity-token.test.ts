import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { issueToken, verifyToken, workflowClaims } from "../../../../lab/sigstore/issue-token.ts";
import { sampleClaims, sampleRun } from "../../../support/sigstore-lab.ts";

const issuer = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const now = new Date("2026-11-23T12:00:00Z");

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token with a header and claims of one's own, signed rightly. */
function tokenWith(
  claims: Record<string, unknown>,
  header: Record<string, unknown> = { alg: "ES256", typ: "JWT" },
): string {
  const seconds = now.getTime() / 1000;
  const registered = {
    iss: "https://token.neko-lab.test",
    aud: "sigstore",
    iat: seconds,
    nbf: seconds,
    exp: seconds + 60,
  };
  const signed = `${encode(header)}.${encode({ ...sampleClaims, ...registered, ...claims })}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), { key: issuer.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

function reason(token: string, at = now): string | undefined {
  const result = verifyToken(token, issuer.publicKey, at);
  return "reason" in result ? result.reason : undefined;
}

test("a token of the lab's issuer gives back the claims it was issued for", () => {
  const claims = workflowClaims({
    ...sampleRun,
    environment: "production",
    signer: { workflowRef: "m1k1o/shared/.github/workflows/sign.yml@refs/heads/main", sha: "a".repeat(40) },
  });
  assert.equal(claims.sub, "repo:m1k1o/neko:environment:production");
  assert.equal(claims.workflow_ref, "m1k1o/neko/.github/workflows/release.yml@refs/tags/v1.2.3");
  assert.deepEqual(verifyToken(issueToken(issuer.privateKey, claims, now), issuer.publicKey, now), { claims });
});

test("tokens by another key, unsigned, or by the public key as an HMAC secret are refused", () => {
  const good = issueToken(issuer.privateKey, sampleClaims, now);
  const [header = "", payload = "", signature = ""] = good.split(".");
  assert.equal(reason(good), undefined);
  const pem = issuer.publicKey.export({ format: "pem", type: "spki" });
  const hmac = `${encode({ alg: "HS256" })}.${payload}`;
  for (const forged of [
    issueToken(stranger.privateKey, sampleClaims, now),
    `${encode({ alg: "none" })}.${payload}.`,
    `${header}.${payload}.`,
    `${header}.${encode({ ...sampleClaims, repository: "evil/x" })}.${signature}`,
    `${hmac}.${createHmac("sha256", pem).update(hmac).digest("base64url")}`,
    `${good}.x`,
    "",
    "x",
    "x".repeat(20_000),
  ]) {
    assert.ok(reason(forged) !== undefined, forged.slice(0, 60));
  }
});

test("tokens for another audience or issuer, too early, too late, or without a workflow's claims are refused", () => {
  assert.equal(reason(tokenWith({})), undefined);
  for (const claims of [
    { aud: "https://github.com/m1k1o" },
    { aud: ["sigstore", "other"] },
    { aud: undefined },
    { iss: "https://token.actions.githubusercontent.com" },
    { exp: undefined },
    { exp: "9999999999" },
    { repository: undefined },
    { repository_id: 5 },
    { sub: "" },
  ]) {
    assert.ok(reason(tokenWith(claims)) !== undefined, JSON.stringify(claims));
  }
  const good = issueToken(issuer.privateKey, sampleClaims, now);
  assert.match(reason(good, new Date(now.getTime() + 301_000)) ?? "", /not valid now/);
  assert.match(reason(good, new Date(now.getTime() - 60_000)) ?? "", /not valid now/);
});

test("a refusal never quotes the token", () => {
  const token = issueToken(stranger.privateKey, sampleClaims, now);
  assert.ok(token.split(".").every((part) => !(reason(token) ?? "").includes(part)));
});
