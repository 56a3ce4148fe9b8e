import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import { openGitHubApi } from "../../../../src/adapters/github/github-api.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { codeThrown, failureCodeOf } from "../../../support/failures.ts";
import { fakeGitHub } from "../../../support/fake-github.ts";

const token = "ghp_the_hidden_token";

/** The failure of one call to a server that answers so. */
async function failureOf(t: TestContext, respond: (response: ServerResponse) => void): Promise<Failure> {
  const server = await fakeGitHub({
    fault: (_request, response) => {
      respond(response);
    },
  });
  t.after(() => server.close());
  try {
    await openGitHubApi({ url: server.url, token, timeoutMilliseconds: 500 }).get("/repos/m1k1o/neko");
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.ok(!inspect(error).includes(token));
    return error;
  }
  return assert.fail("it was taken");
}

test("asks with the token, the version and nothing else, and tells what the token may", async (t) => {
  const server = await fakeGitHub();
  t.after(() => server.close());
  const api = openGitHubApi({ url: `${server.url}/`, token });
  const answer = await api.get("/repos/m1k1o/neko");
  assert.ok(answer.kind === "ok");
  assert.deepEqual(answer.scopes, ["read:packages", "repo"]);
  assert.deepEqual(await api.get("/repos/m1k1o/other"), { kind: "absent", scopes: ["read:packages", "repo"] });
  assert.deepEqual([...server.authorizations], [`Bearer ${token}`]);
});

test("each refusal has its own code, GitHub's words, and no token", async (t) => {
  const said = (status: number, headers: Record<string, string> = {}) =>
    failureOf(t, (response) => response.writeHead(status, headers).end('{"message":"Bad\\nthings\\u001b[31m"}'));
  const codes: [number, Record<string, string>, string][] = [
    [401, {}, "GITHUB_UNAUTHORIZED"],
    [403, {}, "GITHUB_FORBIDDEN"],
    [403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000000" }, "GITHUB_THROTTLED"],
    [403, { "retry-after": "60" }, "GITHUB_THROTTLED"],
    [422, {}, "GITHUB_REFUSED"],
  ];
  for (const [status, headers, code] of codes) {
    const failure = await said(status, headers);
    assert.equal(failure.code, code);
    assert.match(failure.message, /: "Bad things/);
    assert.doesNotMatch(failure.message, /[\x00-\x1f]/);
  }
  const limited = await said(403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000000" });
  assert.equal(limited.remedy, "Try again after 2027-01-15T08:00:00.000Z.");
  assert.equal((await said(403, { "retry-after": "60" })).remedy, "Try again in 60 seconds.");
});

test("follows no redirect: the token goes to the one address", async (t) => {
  const elsewhere = await fakeGitHub();
  t.after(() => elsewhere.close());
  const failure = await failureOf(t, (response) => response.writeHead(301, { location: elsewhere.url }).end());
  assert.equal(failure.code, "GITHUB_REFUSED");
  assert.deepEqual(elsewhere.calls, []);
});

test("what is too long, too slow, no JSON or broken off is no answer", async (t) => {
  const answers: ((response: ServerResponse) => void)[] = [
    (response) => response.end(Buffer.alloc(1024 * 1024 + 1, " ")),
    (response) => response.end("<html>"),
    (response) => response.end('{"a":1,"a":2}'),
    (response) => response.destroy(),
    (response) => response.writeHead(500).end(),
    () => undefined,
  ];
  for (const answer of answers) assert.equal((await failureOf(t, answer)).code, "GITHUB_UNAVAILABLE");
});

test("tries again when GitHub is not well, and only then", async (t) => {
  const server = await fakeGitHub();
  t.after(() => server.close());
  let left = 2;
  server.state.fault = (_request, response) => {
    left -= 1;
    if (left < 0) server.state.fault = undefined;
    response.writeHead(left < 0 ? 401 : 502).end();
  };
  const call = openGitHubApi({ url: server.url, token }).get("/repos/m1k1o/neko");
  assert.equal(await failureCodeOf(call), "GITHUB_UNAUTHORIZED");
  assert.equal(server.calls.length, 3);
});

test("refuses an address that would show the token, and a token that is none", () => {
  const code = (url: string, given = token) => codeThrown(() => openGitHubApi({ url, token: given }), "open");
  for (const url of [
    "",
    "api.github.com",
    "http://api.github.com",
    "https://u:p@x",
    "https://x/?a",
    "https://x/#a",
    "ftp://x",
  ]) {
    assert.equal(code(url), "GITHUB_API_URL", url);
  }
  for (const bad of ["", "a b", "a\nb", "ä", "x".repeat(1025)]) {
    assert.equal(code("https://api.github.com", bad), "GITHUB_TOKEN_INVALID");
  }
  assert.equal(code("https://github.example.org/api/v3/"), "open");
});
