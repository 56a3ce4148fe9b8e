import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../../src/core/failure.ts";
import { readIdentityToken } from "../../../../src/core/sigstore/identity-token.ts";
import { codeThrown } from "../../../support/failures.ts";

const now = new Date("2026-11-26T12:00:00Z");
const seconds = now.getTime() / 1000;

const good = {
  iss: "https://token.actions.githubusercontent.com",
  sub: "repo:m1k1o/neko:ref:refs/tags/v1.2.3",
  aud: "sigstore",
  exp: seconds + 300,
  nbf: seconds - 5,
  repository: "m1k1o/neko",
  ref: "refs/tags/v1.2.3",
  sha: "5f1d0f3f7f0e8a1b2c3d4e5f60718293a4b5c6d7",
  job_workflow_ref: "m1k1o/neko/.github/workflows/release.yml@refs/tags/v1.2.3",
  run_id: "12",
  run_attempt: "3",
};

function tokenOf(claims: unknown): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "ES256" })}.${part(claims)}.c2lnbmF0dXJl`;
}

const codeOf = (token: string): string => codeThrown(() => readIdentityToken(token, now), "accepted");
const codeWith = (changes: Record<string, unknown>): string => codeOf(tokenOf({ ...good, ...changes }));

test("a workflow's token tells what the certificate will name, and all that provenance needs", () => {
  assert.deepEqual(readIdentityToken(tokenOf(good), now), {
    issuer: "https://token.actions.githubusercontent.com",
    subject: "https://github.com/m1k1o/neko/.github/workflows/release.yml@refs/tags/v1.2.3",
    certain: true,
    workflow: {
      repository: "https://github.com/m1k1o/neko",
      ref: "refs/tags/v1.2.3",
      commit: good.sha,
      builderId: "https://github.com/m1k1o/neko/.github/workflows/release.yml@refs/tags/v1.2.3",
      invocationId: "https://github.com/m1k1o/neko/actions/runs/12/attempts/3",
    },
    expires: new Date("2026-11-26T12:05:00Z"),
  });
});

test("a person's token names the verified address; any other its subject, which the certificate may write otherwise", () => {
  const { iss, sub, aud, exp } = good;
  const person = { iss, sub, aud, exp, email: "a@example.com", email_verified: true };
  assert.deepEqual(
    [person, { ...person, email_verified: false }, { iss, sub, aud, exp }].map((claims) => {
      const { subject, certain, workflow } = readIdentityToken(tokenOf(claims), now);
      return [subject, certain, workflow];
    }),
    [
      ["a@example.com", true, undefined],
      [sub, false, undefined],
      [sub, false, undefined],
    ],
  );
});

test("T22: a token for another audience, an expired one and what is no token are refused by their codes", () => {
  assert.equal(codeWith({}), "accepted");
  assert.equal(codeWith({ aud: ["sigstore"] }), "accepted");
  for (const aud of ["sigstore.dev", "https://github.com/m1k1o", "Sigstore", "sigstore ", [], ["sigstore", "other"]])
    assert.equal(codeWith({ aud }), "IDENTITY_TOKEN_AUDIENCE");
  for (const exp of [seconds, seconds - 1, 0]) assert.equal(codeWith({ exp }), "IDENTITY_TOKEN_EXPIRED");
  assert.equal(codeWith({ nbf: seconds + 61 }), "IDENTITY_TOKEN_NOT_YET_VALID");
  for (const changes of [{ exp: undefined }, { exp: "9999999999" }, { iss: "" }, { sub: undefined }, { aud: null }])
    assert.equal(codeWith(changes), "IDENTITY_TOKEN_INVALID");
  const [header = "", payload = "", signature = ""] = tokenOf(good).split(".");
  for (const token of [
    "",
    " ",
    "token",
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature}.more`,
    `${header}.${payload}=.${signature}`,
    `${header}.${payload}.${signature}\n`,
    tokenOf([]),
    tokenOf(null),
    `${header}.${payload}.${"A".repeat(40_000)}`,
  ])
    assert.equal(codeOf(token), "IDENTITY_TOKEN_INVALID", token.slice(0, 80));
});

test("whatever is read as a token, a Failure is thrown that holds no part of it", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ minLength: 8 }), fc.jsonValue().map(tokenOf)), (token) => {
      try {
        readIdentityToken(token, now);
      } catch (error) {
        assert.ok(error instanceof Failure, inspect(error));
        const shown = inspect(error, { depth: 5, showHidden: true });
        if (token.includes(".") && token.length > 40) assert.ok(!shown.includes(token.split(".")[1] ?? "-"));
      }
    }),
  );
});
