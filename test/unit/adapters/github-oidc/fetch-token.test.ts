import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { fetchGitHubToken } from "../../../../src/adapters/github-oidc/fetch-token.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { startServer } from "../registry/loopback-server.ts";
import type { PlannedAnswer } from "../registry/loopback-server.ts";

const requestToken = "request-token-of-the-job-0123456789";

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, inspect(error));
  const shown = inspect(error, { depth: 10, showHidden: true });
  assert.ok(!shown.includes(requestToken) && !shown.includes("job-secret"), shown);
  return error;
}

test("asks for the audience sigstore with the job's token, and keeps the address's own query", async (t) => {
  const server = await startServer(t, () => ({ status: 200, body: '{"value":"a.b.c","count":1}' }));
  const url = `http://${server.host}/token?api-version=2.0&audience=other`;
  assert.equal(await fetchGitHubToken({ url, requestToken }), "a.b.c");
  const [seen] = server.seen;
  assert.equal(seen?.url, "/token?api-version=2.0&audience=sigstore");
  assert.equal(seen.headers.authorization, `Bearer ${requestToken}`);
});

test("tries again when the endpoint stumbles, and tells what it answered in the end", async (t) => {
  let asked = 0;
  const server = await startServer(t, () => {
    asked += 1;
    return asked === 1 ? { status: 503 } : { status: 200, body: '{"value":"a.b.c"}' };
  });
  assert.equal(await fetchGitHubToken({ url: `http://${server.host}/`, requestToken }), "a.b.c");
  assert.equal(asked, 2);
});

test("what is no token is unavailable: refusals, redirects, nonsense, too much, silence", async (t) => {
  const elsewhere = await startServer(t, () => ({ status: 200, body: '{"value":"stolen"}' }));
  const answers: PlannedAnswer[] = [
    { status: 403, body: `{"message":"${requestToken}"}` },
    { status: 302, headers: { location: `http://${elsewhere.host}/` } },
    { status: 200, body: "<html>" },
    { status: 200, body: '{"value":""}' },
    { status: 200, body: '{"value":"a","value":"b"}' },
    { status: 200, body: JSON.stringify({ value: "x".repeat(100_000) }) },
    { status: 200, stream: () => undefined },
  ];
  for (const answer of answers) {
    const server = await startServer(t, () => answer);
    const options = answer.stream === undefined ? {} : { timeoutMilliseconds: 100 };
    const failure = await failureOf(
      fetchGitHubToken({ url: `http://${server.host}/?job-secret=1`, requestToken }, options),
    );
    assert.deepEqual([failure.code, failure.kind], ["IDENTITY_TOKEN_UNAVAILABLE", "unavailable"]);
  }
  assert.equal(elsewhere.seen.length, 0);
});

test("an endpoint without TLS elsewhere, or a token that is none, is refused before anything is sent", async () => {
  for (const endpoint of [
    { url: "http://token.example/?job-secret=1", requestToken },
    { url: "not a url", requestToken },
    { url: "https://token.example/", requestToken: "two\r\nlines" },
  ]) {
    const failure = await failureOf(fetchGitHubToken(endpoint));
    assert.deepEqual([failure.code, failure.kind], ["IDENTITY_TOKEN_ENDPOINT", "usage"]);
  }
});

test("ends with the signal's reason", async (t) => {
  const controller = new AbortController();
  const server = await startServer(t, () => {
    controller.abort(new Failure({ code: "INTERRUPTED", kind: "unavailable", message: "Stop.", remedy: "Go on." }));
    return { status: 200, stream: () => undefined };
  });
  const options = { signal: controller.signal };
  const failure = await failureOf(fetchGitHubToken({ url: `http://${server.host}/`, requestToken }, options));
  assert.equal(failure.code, "INTERRUPTED");
});
