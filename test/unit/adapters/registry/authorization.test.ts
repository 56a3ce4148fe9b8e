import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { parseChallenges } from "../../../../src/adapters/registry/challenge.ts";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { Credentials, RegistryClientOptions } from "../../../../src/adapters/registry/settings.ts";
import { unwrap } from "../../../../src/adapters/registry/unwrap.ts";
import { Failure } from "../../../../src/core/failure.ts";
import type { Answer } from "../../../../src/core/oci/answer.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { startServer } from "./loopback-server.ts";
import type { LoopbackServer, PlannedAnswer, SeenRequest } from "./loopback-server.ts";

const content = "content";
const blob = { digest: digestOf(content), size: content.length };
const token = "t0ken-that-stays-secret";
const password = "passw0rd-that-stays-secret";
const basic: Credentials = { kind: "basic", username: "ada", password };

interface TokenRig {
  readonly registry: LoopbackServer;
  readonly tokens: LoopbackServer;
  readonly repository: string;
}

/** A registry that wants a Bearer token, and its token service, which answers as told. */
async function tokenRig(
  t: TestContext,
  issue: (request: SeenRequest) => PlannedAnswer = () => ({ status: 200, body: JSON.stringify({ token }) }),
  accepts: (authorization: string) => boolean = (authorization) => authorization === `Bearer ${token}`,
): Promise<TokenRig> {
  const tokens = await startServer(t, issue);
  const registry = await startServer(t, ({ headers, method }) => {
    if (accepts(headers.authorization ?? "")) return { status: 200, body: method === "GET" ? content : "" };
    const challenge = `Bearer realm="http://${tokens.host}/token?x=1",service="the, \\"registry\\"",scope="repository:other/secret:pull,push"`;
    return { status: 401, headers: { "www-authenticate": challenge } };
  });
  return { registry, tokens, repository: `${registry.host}/team/app` };
}

function clientWith(
  credentials?: Credentials,
  more: RegistryClientOptions = {},
): ReturnType<typeof createRegistryClient> {
  return createRegistryClient({
    sleep: () => Promise.resolve(),
    credentials: () => Promise.resolve(credentials),
    ...more,
  });
}

function scopes({ tokens }: TokenRig): (string | null)[] {
  return tokens.seen.map(({ url }) => new URL(url, "http://t").searchParams.get("scope"));
}

test("reads an anonymous token with the smallest scope, not the one that the registry asks for", async (t) => {
  const it = await tokenRig(t);
  assert.equal((await clientWith().blob(it.repository, blob)).kind, "found");
  const asked = new URL(it.tokens.seen[0]?.url ?? "", "http://t").searchParams;
  assert.deepEqual(
    [...asked],
    [
      ["x", "1"],
      ["service", 'the, "registry"'],
      ["scope", "repository:team/app:pull"],
    ],
  );
  assert.equal(it.tokens.seen[0]?.headers.authorization, undefined);
});

test("writing asks for pull and push", async (t) => {
  const it = await tokenRig(t);
  await clientWith(basic).pushBlob(it.repository, Buffer.from(content));
  assert.deepEqual(scopes(it), ["repository:team/app:pull,push"]);
  assert.equal(it.tokens.seen[0]?.headers.authorization, `Basic ${Buffer.from(`ada:${password}`).toString("base64")}`);
});

test("one token serves many requests, also parallel ones, until it is about to expire", async (t) => {
  let now = 0;
  const it = await tokenRig(t, () => ({ status: 200, body: JSON.stringify({ access_token: token, expires_in: 100 }) }));
  const client = clientWith(undefined, { now: () => now });
  const answers = await Promise.all(Array.from({ length: 10 }, () => client.blob(it.repository, blob)));
  assert.ok(answers.every(({ kind }) => kind === "found"));
  await client.blob(it.repository, blob);
  assert.equal(it.tokens.seen.length, 1);
  now = 91_000;
  await client.blob(it.repository, blob);
  assert.equal(it.tokens.seen.length, 2);
  await client.blob(`${it.registry.host}/team/other`, blob);
  assert.deepEqual(scopes(it).at(-1), "repository:team/other:pull");
});

test("a token that is refused is renewed once, then it is unauthorized", async (t) => {
  let serial = 0;
  const it = await tokenRig(
    t,
    () => ({ status: 200, body: JSON.stringify({ token: `serial-${++serial}` }) }),
    (authorization) => authorization === `Bearer serial-${serial}` && serial !== 3,
  );
  const client = clientWith();
  assert.equal((await client.blob(it.repository, blob)).kind, "found");
  serial = 1.5; // revokes the token that the client holds
  assert.equal((await client.blob(it.repository, blob)).kind, "found");
  serial = 2;
  assert.equal((await client.blob(it.repository, blob)).kind, "unauthorized");
});

test("an identity token is exchanged by POST", async (t) => {
  const it = await tokenRig(t);
  const client = clientWith({ kind: "identity-token", token: "refresh-me" });
  assert.equal((await client.blob(it.repository, blob)).kind, "found");
  const { method, body, url } = it.tokens.seen[0] ?? { method: "", body: Buffer.alloc(0), url: "" };
  assert.equal(method, "POST");
  assert.ok(!url.includes("refresh-me"));
  const form = new URLSearchParams(body.toString("utf8"));
  assert.equal(form.get("grant_type"), "refresh_token");
  assert.equal(form.get("refresh_token"), "refresh-me");
  assert.equal(form.get("scope"), "repository:team/app:pull");
});

for (const [status, kind] of [
  [401, "unauthorized"],
  [403, "forbidden"],
  [429, "throttled"],
  [500, "broken"],
  [404, "broken"],
  [302, "broken"],
] as const) {
  test(`a token service that answers ${status} makes it "${kind}"`, async (t) => {
    const it = await tokenRig(t, () => ({ status }));
    assert.equal((await clientWith(basic).blob(it.repository, blob)).kind, kind);
  });
}

for (const body of [
  "",
  "null",
  "{}",
  '{"token":""}',
  '{"token":"two\\r\\nlines"}',
  '{"token":7}',
  "x".repeat(100_000),
]) {
  test(`a token answer of ${JSON.stringify(body.slice(0, 24))} is no token`, async (t) => {
    const it = await tokenRig(t, () => ({ status: 200, body }));
    const answer = await clientWith(basic).blob(it.repository, blob);
    assert.match(answer.kind, /^(?:broken|too-large)$/);
  });
}

test("CVE-2026-48501: a token service without TLS is only used on this machine", async () => {
  const asked: string[] = [];
  for (const realm of ["http://tokens.example/t", "ftp://127.0.0.1/t", "https://u:p@tokens.example/", "nothing"]) {
    const client = clientWith(basic, {
      fetch: (input) => {
        asked.push(input instanceof Request ? input.url : String(input));
        return Promise.resolve(
          new Response(null, { status: 401, headers: { "www-authenticate": `Bearer realm="${realm}"` } }),
        );
      },
    });
    assert.equal((await client.blob("ghcr.io/team/app", blob)).kind, "unauthorized");
  }
  assert.ok(asked.every((url) => url.startsWith("https://ghcr.io/")));
});

for (const realm of [
  "http://127.0.0.1:1/token",
  "https://127.0.0.1/token",
  "https://localhost/token",
  "https://0x7f.1/token",
  "https://2130706433/token",
  "https://[::1]/token",
  "https://[::ffff:127.0.0.1]/token",
  "https://10.0.0.1/token",
  "https://169.254.169.254/latest/meta-data",
  "https://[fd00::1]/token",
]) {
  test(`CVE-2026-48501: a registry on the internet that names ${realm} as its token service is sent nothing`, async () => {
    const asked: string[] = [];
    const client = clientWith(basic, {
      fetch: (input) => {
        asked.push(input instanceof Request ? input.url : String(input));
        const headers = { "www-authenticate": `Bearer realm="${realm}"` };
        return Promise.resolve(new Response(null, { status: 401, headers }));
      },
    });
    const answer = await client.blob("ghcr.io/team/app", blob);
    assert.deepEqual(answer, {
      kind: "unauthorized",
      detail: "ghcr.io names a token service on this machine or in its network",
    });
    assert.ok(asked.every((url) => url.startsWith("https://ghcr.io/")));
  });
}

test("a registry in a private network may have its token service there", async () => {
  const realm = "https://10.0.0.7/token";
  const client = clientWith(basic, {
    fetch: (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      if (url.startsWith(realm)) return Promise.resolve(new Response(JSON.stringify({ token })));
      const signedIn = new Headers(init.headers).get("authorization") === `Bearer ${token}`;
      return Promise.resolve(
        signedIn
          ? new Response(content)
          : new Response(null, { status: 401, headers: { "www-authenticate": `Bearer realm="${realm}"` } }),
      );
    },
  });
  assert.equal((await client.blob("10.0.0.5:5000/team/app", blob)).kind, "found");
});

test("credentials are asked for by the registry's host, only after a 401", async (t) => {
  const asked: string[] = [];
  const registry = await startServer(t, ({ url }) =>
    url.includes("/open/") ? { status: 200, body: content } : { status: 401, headers: { "www-authenticate": "Basic" } },
  );
  const client = clientWith(undefined, {
    credentials: (host) => {
      asked.push(host);
      return Promise.resolve(undefined);
    },
  });
  await client.blob(`${registry.host}/open/app`, blob);
  assert.deepEqual(asked, []);
  await client.blob(`${registry.host}/team/app`, blob);
  assert.deepEqual(asked, [registry.host]);
});

test("a credentials source that fails ends the call with its own failure", async (t) => {
  const it = await tokenRig(t);
  const failure = new Failure({ code: "DOCKER_CONFIG_INVALID", kind: "usage", message: "m", remedy: "r" });
  const client = clientWith(undefined, { credentials: () => Promise.reject(failure) });
  await assert.rejects(client.blob(it.repository, blob), { code: "DOCKER_CONFIG_INVALID" });
});

test("T22: no answer and no failure ever holds a token or password, even when the registry echoes them", async (t) => {
  const echo = ({ headers, body }: SeenRequest, status: number): PlannedAnswer => {
    const text = `${headers.authorization ?? ""} ${body.toString()} ${token} ${password}`;
    return {
      status,
      headers: {
        "www-authenticate": `Bearer realm="${text}"`,
        "docker-content-digest": text,
        "content-type": text,
        link: `<https://elsewhere.example/${token}>; rel="next"`,
        location: `https://user:${password}@elsewhere.example/?token=${token}`,
      },
      body: JSON.stringify({ errors: [{ code: text, message: text, detail: text }] }),
    };
  };
  const texts: string[] = [];
  const note = (answer: Answer<unknown>): void => {
    if (answer.kind === "found") return;
    texts.push(JSON.stringify(answer));
    assert.throws(
      () => unwrap(answer, "blob"),
      (error) => error instanceof Failure && texts.push(`${error.message} ${error.remedy} ${error.stack ?? ""}`) > 0,
    );
  };
  for (const status of [200, 302, 400, 401, 403, 404, 406, 429, 500]) {
    const it = await tokenRig(t, (request) => echo(request, status));
    note(await clientWith(basic).blob(it.repository, blob));
    const open = await tokenRig(t, undefined, () => false);
    note(await clientWith(basic).blob(open.repository, blob));
    const served = await startServer(t, (request) =>
      request.headers.authorization === undefined
        ? { status: 401, headers: { "www-authenticate": "Basic" } }
        : echo(request, status),
    );
    const client = clientWith(basic);
    const repository = `${served.host}/team/app`;
    note(await client.blob(repository, blob));
    note(await client.referrers(repository, blob.digest));
    note(await client.pushBlob(repository, Buffer.from(content)));
    note(await client.pushManifest(repository, { mediaType: "application/json", bytes: Buffer.from("{}") }));
  }
  assert.ok(texts.length > 40, String(texts.length));
  for (const text of texts) {
    const secrets = [token, password, Buffer.from(`ada:${password}`).toString("base64")];
    assert.ok(!secrets.some((secret) => text.includes(secret)), text);
  }
});

test("reads challenges as RFC 9110 writes them", () => {
  assert.deepEqual(parseChallenges('Bearer realm="https://a/t",service="s",scope="x:y:pull,push"'), [
    { scheme: "bearer", realm: "https://a/t", service: "s" },
  ]);
  assert.deepEqual(parseChallenges('Negotiate, Basic realm="a, b", BEARER realm=https://c/t'), [
    { scheme: "basic" },
    { scheme: "bearer", realm: "https://c/t", service: undefined },
  ]);
  assert.deepEqual(parseChallenges("Bearer"), []);
  assert.deepEqual(parseChallenges(""), []);
  assert.deepEqual(parseChallenges('Bearer realm="unfinished'), []);
  const started = performance.now();
  parseChallenges(`Bearer ${'a="\\'.repeat(100_000)}`);
  parseChallenges(" ".repeat(1_000_000));
  assert.ok(performance.now() - started < 500);
});
