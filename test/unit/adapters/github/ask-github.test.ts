import assert from "node:assert/strict";
import { test } from "node:test";
import { askGitHub, gitHubApi } from "../../../../src/adapters/github/ask-github.ts";
import { codeThrown } from "../../../support/failures.ts";
import { startServer } from "../registry/loopback-server.ts";

test("asks with the token, encodes what a path is made of, and gives the document and headers", async (t) => {
  const server = await startServer(t, () => ({
    status: 200,
    headers: { "x-oauth-scopes": "repo" },
    body: JSON.stringify({ id: 7 }),
  }));
  const answer = await askGitHub({ api: `http://${server.host}`, token: "secret-token" }, ["repos", "a/../b", "c d"]);
  assert.ok(answer.kind === "found");
  assert.deepEqual(answer.value.value, { id: 7 });
  assert.equal(answer.value.headers.get("x-oauth-scopes"), "repo");
  assert.equal(server.seen[0]?.url, "/repos/a%2F..%2Fb/c%20d");
  assert.equal(server.seen[0].headers.authorization, "Bearer secret-token");
});

test("tells apart what GitHub answers; only 404 says that there is nothing", async (t) => {
  const answers = {
    "/404": { status: 404 },
    "/401": { status: 401, body: "secret-token" },
    "/403": { status: 403 },
    "/limit": { status: 403, headers: { "x-ratelimit-remaining": "0" } },
    "/429": { status: 429 },
    "/500": { status: 500 },
    "/moved": { status: 301, headers: { location: "/elsewhere" } },
    "/text": { status: 200, body: "hello" },
  };
  const server = await startServer(t, ({ url }) => answers[url as keyof typeof answers]);
  const kinds: Record<string, string> = {};
  for (const path of Object.keys(answers)) {
    const answer = await askGitHub({ api: `http://${server.host}`, token: "secret-token", retries: 0 }, [
      path.slice(1),
    ]);
    kinds[path] = answer.kind;
    assert.ok(!JSON.stringify(answer).includes("secret-token"));
  }
  assert.deepEqual(kinds, {
    "/404": "absent",
    "/401": "unauthorized",
    "/403": "forbidden",
    "/limit": "throttled",
    "/429": "throttled",
    "/500": "broken",
    "/moved": "broken",
    "/text": "broken",
  });
  const closed = await askGitHub({ api: "http://127.0.0.1:9", retries: 0 }, ["x"]);
  assert.equal(closed.kind, "broken");
  const odd = await askGitHub({ api: `http://${server.host}`, token: "two\nlines" }, ["x"]);
  assert.equal(odd.kind, "unauthorized");
});

test("takes the address of an own GitHub from the environment, over TLS or on loopback alone", () => {
  assert.equal(gitHubApi({}), "https://api.github.com");
  assert.equal(gitHubApi({ GITHUB_API_URL: "" }), "https://api.github.com");
  assert.equal(gitHubApi({ GITHUB_API_URL: "https://github.example/api/v3/" }), "https://github.example/api/v3");
  assert.equal(gitHubApi({ GITHUB_API_URL: "http://127.0.0.1:1" }), "http://127.0.0.1:1");
  for (const bad of ["http://github.example", "https://me:secret@github.example", "x", "https://github.example/?a=b"]) {
    assert.equal(
      codeThrown(() => gitHubApi({ GITHUB_API_URL: bad }), "accepted"),
      "GITHUB_API_URL",
    );
  }
});
