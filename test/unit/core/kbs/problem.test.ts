import assert from "node:assert/strict";
import { test } from "node:test";
import { isWorthNewSession, problemFailure, readProblem } from "../../../../src/core/kbs/problem.ts";
import { parseResourceId } from "../../../../src/core/kbs/resource-id.ts";
import { readSessionCookie } from "../../../../src/core/kbs/session-cookie.ts";
import { codeThrown } from "../../../support/failures.ts";

const prefix = "https://github.com/confidential-containers/kbs/errors/";
const answer = (type: unknown, detail: unknown = "d"): Uint8Array => Buffer.from(JSON.stringify({ type, detail }));
const failed = (kind: string, status = 401) =>
  problemFailure(readProblem(status, answer(`${prefix}${kind}`)), "default/a/b");

test("what went wrong is told by its type, not by its status", () => {
  const codes = {
    PolicyDeny: ["KBS_POLICY_DENIED", "refused"],
    AttestationError: ["KBS_ATTESTATION_REFUSED", "refused"],
    TokenNotFound: ["KBS_TOKEN_REFUSED", "refused"],
    TokenVerifierError: ["KBS_TOKEN_REFUSED", "refused"],
    InvalidRequestPath: ["KBS_RESOURCE_UNKNOWN", "usage"],
    PluginNotFound: ["KBS_RESOURCE_UNKNOWN", "usage"],
    PluginInternalError: ["KBS_RESOURCE_FAILED", "unavailable"],
    JweError: ["KBS_RESPONSE_FAILED", "refused"],
    AdminAuthAccess: ["KBS_ADMIN_DENIED", "refused"],
    PrometheusError: ["KBS_ERROR_UNKNOWN", "unavailable"],
  };
  for (const [kind, [code, sort]] of Object.entries(codes)) {
    for (const status of [401, 403, 404]) {
      const failure = failed(kind, status);
      assert.deepEqual([failure.code, failure.kind], [code, sort], kind);
    }
  }
});

test("only what may be a token that expired on its way is worth another handshake", () => {
  const worth = (kind: string): boolean => isWorthNewSession(readProblem(401, answer(`${prefix}${kind}`)));
  assert.ok(worth("TokenNotFound") && worth("TokenVerifierError"));
  assert.ok(!worth("PolicyDeny") && !worth("AttestationError") && !worth("PluginInternalError") && !worth("toString"));
});

test("an answer that is no problem of KBS's is told by its status", () => {
  for (const body of [
    "",
    "<html>",
    "[]",
    "null",
    '{"type":1}',
    `{"type":"${prefix}../x"}`,
    '{"type":"https://evil.example/PolicyDeny"}',
  ]) {
    const failure = problemFailure(readProblem(502, Buffer.from(body)), undefined);
    assert.equal(failure.code, "KBS_ERROR_UNKNOWN");
    assert.match(failure.message, /HTTP 502, and not with an error of KBS's/);
  }
  assert.equal(readProblem(401, answer(`${prefix}PolicyDeny\u001b[2J`)).kind, undefined);
});

test("what the broker says is quoted on one line, short, and without what could be a secret", () => {
  const token = `eyJhbGciOiJFUzI1NiJ9abc.eyJpc3MiOiJDb0NvIn0${"A".repeat(80)}.c2ln`;
  const { detail } = readProblem(401, answer(`${prefix}PolicyDeny`, `denied\n\u001b[31m Bearer ${token} end`));
  assert.equal(detail, "denied\\u{a}\\u{1b}[31m Bearer … end");
  assert.ok(readProblem(401, answer(`${prefix}PolicyDeny`, "x ".repeat(10_000))).detail.length <= 200);
});

test("a resource's name has three parts that everybody reads alike", () => {
  for (const good of ["default/credential/registry", "a/b/c", "A-1/b_2/c.d"]) assert.equal(parseResourceId(good), good);
  for (const bad of [
    "",
    "a/b",
    "a/b/c/d",
    "/a/b/c",
    "a/b/c/",
    "a//c",
    "../b/c",
    "a/../c",
    "a/b/..",
    "a/./c",
    "a/b/c..d",
    "a/b/.c",
    "a/b/c?x=1",
    "a/b/c#x",
    "a/b/%2e%2e",
    "a/b/c%2fd",
    "a\\b\\c",
    "a/b/c\n",
    "a/b/\u0441",
    "a/b/c d",
    `a/b/${"c".repeat(65)}`,
  ]) {
    assert.equal(
      codeThrown(() => parseResourceId(bad), "taken"),
      "KBS_RESOURCE_ID_INVALID",
      JSON.stringify(bad),
    );
  }
});

const now = new Date("2026-11-27T12:00:00Z");
const id = "0123456789abcdef0123456789abcdef";
const expires = "Expires=Fri, 27 Nov 2026 12:05:00 GMT";

test("the session is the value of KBS's own cookie, with the attributes that it sets", () => {
  const good = `kbs-session-id=${id}; ${expires}`;
  assert.equal(readSessionCookie([good], now), id);
  assert.equal(readSessionCookie(["GCLB=abc; Path=/", good], now), id);
  assert.equal(readSessionCookie([`${good}; Path=/; Secure; HttpOnly; SameSite=Strict`], now), id);
  const bad: readonly (readonly string[])[] = [
    [],
    ["session=1"],
    [good, good],
    [`kbs-session-id=${id}`],
    [`kbs-session-id=${id}; Expires=soon`],
    [`${good}; ${expires}`],
    [`kbs-session-id=${id.toUpperCase()}; ${expires}`],
    [`kbs-session-id=${id}0; ${expires}`],
    [`kbs-session-id=; ${expires}`],
    [`kbs-session-id=${id}\r\nx: y; ${expires}`],
    [`${good}; Domain=example.org`],
    [`${good}; Max-Age=0`],
    [`${good}; Path=/elsewhere`],
    [`KBS-SESSION-ID=${id}; ${expires}`],
  ];
  for (const cookies of bad) {
    assert.equal(
      codeThrown(() => readSessionCookie(cookies, now), "read"),
      "KBS_COOKIE_INVALID",
      cookies.join(" + "),
    );
  }
  const at = (time: string): string => codeThrown(() => readSessionCookie([good], new Date(time)), "read");
  assert.equal(at("2026-11-27T12:06:00Z"), "read");
  assert.equal(at("2026-11-27T12:06:01Z"), "KBS_SESSION_EXPIRED");
  assert.equal(at("2026-11-27T13:00:00Z"), "KBS_SESSION_EXPIRED");
});
