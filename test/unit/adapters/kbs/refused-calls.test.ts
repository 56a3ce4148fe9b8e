import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { Failure } from "../../../../src/core/failure.ts";
import { kbsTrust } from "../../../../src/core/kbs/trust.ts";
import { codeThrown, failureCodeOf } from "../../../support/failures.ts";
import { attesterOf, labAuthority, startLabKbs, trust, unsignedQuote } from "../../../support/kbs.ts";

/** What the client refuses to do, whatever the broker is. */

test("addresses, names and pins that are none are refused before anything is sent", async (t) => {
  const kbs = await startLabKbs(t);
  for (const url of [
    "",
    "kbs.example.org",
    kbs.url.replace("https:", "http:"),
    kbs.url.replace("/kbs", ""),
    `${kbs.url}/`,
    `${kbs.url}?x=1`,
    `${kbs.url}#x`,
    kbs.url.replace("https://", "https://user:password@"),
  ]) {
    const failure: unknown = await kbs.fetch({ url }).catch((error: unknown) => error);
    assert.ok(failure instanceof Failure);
    assert.equal(failure.code, "KBS_URL_INVALID", url);
    assert.ok(!failure.message.includes("password"));
  }
  assert.equal(await failureCodeOf(kbs.fetch({ resource: "default/../admin" })), "KBS_RESOURCE_ID_INVALID");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  assert.equal(await failureCodeOf(kbs.fetch({ makeKey: () => privateKey })), "KBS_TEE_KEY_UNSUPPORTED");
  const { tlsAuthority, tokenRoot: tokenAuthority } = labAuthority;
  for (const texts of [
    {},
    { tlsAuthority },
    { tokenAuthority },
    { tlsAuthority: "x", tokenAuthority },
    { tlsAuthority, tlsKeySha256: "00".repeat(32), tokenAuthority },
    { tlsKeySha256: "00", tokenAuthority },
    { tlsAuthority, tokenAuthority, tokenIssuer: "" },
    { tlsAuthority, tokenAuthority, tokenKey: "x" },
  ]) {
    assert.equal(await failureCodeOf(Promise.resolve().then(() => kbsTrust(texts, "local"))), "KBS_TRUST_INVALID");
  }
  assert.equal(trust.token.issuer, "CoCo-Attestation-Service");
});

test("a lab's roots are for the environment local alone", () => {
  const { tlsAuthority, tokenRoot: tokenAuthority } = labAuthority;
  for (const environment of ["staging", "production"] as const) {
    const thrown = codeThrown(() => kbsTrust({ tlsAuthority, tokenAuthority }, environment), "taken");
    assert.equal(thrown, "KBS_TRUST_LAB");
    const tlsKeySha256 = "00".repeat(32);
    assert.equal(
      codeThrown(() => kbsTrust({ tlsKeySha256, tokenAuthority }, environment), "taken"),
      "KBS_TRUST_LAB",
    );
  }
});

test("a quote about something else is not sent, and neither is what the broker would not read", async (t) => {
  const kbs = await startLabKbs(t);
  const stale = { attest: () => Promise.resolve({ quote: unsignedQuote(new Uint8Array(64)), eventLog: Buffer.of() }) };
  assert.equal(await failureCodeOf(kbs.fetch({ attester: stale })), "KBS_EVIDENCE_INVALID");
  const chatty = attesterOf({}, Buffer.alloc(2 * 1024 * 1024));
  assert.equal(await failureCodeOf(kbs.fetch({ attester: chatty })), "KBS_EVIDENCE_TOO_LARGE");
  assert.ok(kbs.seen.every(({ path }) => path === "/kbs/v0/auth"));
});

test("what the attester throws is the caller's to see", async (t) => {
  const kbs = await startLabKbs(t);
  const broken = new Failure({ code: "TSM_ABSENT", kind: "usage", message: "None.", remedy: "Run it in a TD." });
  const attester = { attest: () => Promise.reject(broken) };
  assert.equal(await failureCodeOf(kbs.fetch({ attester })), "TSM_ABSENT");
});
