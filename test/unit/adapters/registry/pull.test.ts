import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { RegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { RegistryClientOptions } from "../../../../src/adapters/registry/settings.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { parseReference } from "../../../../src/core/release/reference.ts";
import { startServer } from "./loopback-server.ts";
import type { LoopbackServer, PlannedAnswer, SeenRequest } from "./loopback-server.ts";

const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] });
const digest = digestOf(index);
const asIndex = { "content-type": mediaTypes.index };

interface Rig {
  readonly server: LoopbackServer;
  readonly client: RegistryClient;
  readonly repository: string;
  readonly waits: number[];
}

async function rig(
  t: TestContext,
  answer: (request: SeenRequest) => PlannedAnswer | Promise<PlannedAnswer>,
  options: RegistryClientOptions = {},
): Promise<Rig> {
  const waits: number[] = [];
  const server = await startServer(t, answer);
  const sleep = (milliseconds: number): Promise<void> => {
    waits.push(milliseconds);
    return Promise.resolve();
  };
  return { server, client: createRegistryClient({ sleep, ...options }), repository: `${server.host}/team/app`, waits };
}

test("resolves a tag to the digest of the bytes, in one request", async (t) => {
  const { client, repository, server } = await rig(t, () => ({ status: 200, headers: asIndex, body: index }));
  const answer = await client.resolve(parseReference(`${repository}:v1`));
  assert.ok(answer.kind === "found");
  assert.equal(answer.value.digest, digest);
  assert.equal(answer.value.mediaType, mediaTypes.index);
  assert.deepEqual(
    server.seen.map(({ method, url }) => `${method} ${url}`),
    ["GET /v2/team/app/manifests/v1"],
  );
});

test("CVE-2022-47633: a reference with tag and digest is read by its digest", async (t) => {
  const { client, repository, server } = await rig(t, () => ({ status: 200, headers: asIndex, body: index }));
  assert.equal((await client.resolve(parseReference(`${repository}:v1@${digest}`))).kind, "found");
  assert.equal(server.seen[0]?.url, `/v2/team/app/manifests/${digest}`);
});

test("a reference without tag and digest is refused before any request", async (t) => {
  const { client, repository, server } = await rig(t, () => ({ status: 200 }));
  await assert.rejects(client.resolve(parseReference(repository)), { code: "REFERENCE_INVALID" });
  assert.equal(server.seen.length, 0);
});

const contradictions: readonly (readonly [string, PlannedAnswer, RegExp])[] = [
  [
    "bytes of another digest",
    { status: 200, headers: asIndex, body: `${index} ` },
    /served bytes of sha256:.* when asked/,
  ],
  [
    "an announced digest that is not the bytes'",
    { status: 200, headers: { ...asIndex, "docker-content-digest": digestOf("x") }, body: index },
    /announced another digest/,
  ],
  [
    "an announced digest that is none",
    { status: 200, headers: { ...asIndex, "docker-content-digest": "latest" }, body: index },
    /announced another digest/,
  ],
  [
    "another media type than the document's own",
    { status: 200, headers: { "content-type": mediaTypes.manifest }, body: index },
    /but it says of itself/,
  ],
];
for (const [name, planned, detail] of contradictions) {
  test(`T9, CVE-2023-47630: ${name}: broken, with the contradiction told`, async (t) => {
    const { client, repository } = await rig(t, () => planned);
    const answer = await client.manifest(repository, digest);
    assert.ok(answer.kind === "broken");
    assert.match(answer.detail, detail);
  });
}

const statuses: readonly (readonly [status: number, kind: string, requests: number])[] = [
  [400, "broken", 1],
  [401, "unauthorized", 1],
  [403, "forbidden", 1],
  [404, "absent", 1],
  [406, "broken", 1],
  [410, "broken", 1],
  [429, "throttled", 4],
  [500, "broken", 4],
  [502, "broken", 4],
  [503, "broken", 4],
  [204, "broken", 1],
];
for (const [status, kind, requests] of statuses) {
  test(`T7: ${status} to a manifest and to a blob is "${kind}", after ${requests} requests`, async (t) => {
    const { client, repository, server } = await rig(t, () => ({ status }));
    assert.equal((await client.manifest(repository, digest)).kind, kind);
    assert.equal((await client.blob(repository, { digest, size: index.length })).kind, kind);
    assert.equal(server.seen.length, requests * 2);
  });
}

test("T7: a 5xx that passes is retried, with growing waits", async (t) => {
  let failures = 2;
  const { client, repository, waits } = await rig(t, () =>
    failures-- > 0 ? { status: 503 } : { status: 200, headers: asIndex, body: index },
  );
  assert.equal((await client.manifest(repository, digest)).kind, "found");
  assert.deepEqual(waits, [250, 500]);
});

test("T7: 429 waits as long as Retry-After says", async (t) => {
  let failures = 1;
  const { client, repository, waits } = await rig(t, () =>
    failures-- > 0 ? { status: 429, headers: { "retry-after": "7" } } : { status: 200, headers: asIndex, body: index },
  );
  assert.equal((await client.manifest(repository, digest)).kind, "found");
  assert.deepEqual(waits, [7000]);
});

test("T7: a Retry-After beyond the bound is not waited for, but told", async (t) => {
  const { client, repository, waits } = await rig(t, () => ({ status: 429, headers: { "retry-after": "3600" } }));
  const answer = await client.manifest(repository, digest);
  assert.ok(answer.kind === "throttled");
  assert.equal(answer.retryAfterSeconds, 3600);
  assert.deepEqual(waits, []);
});

test("Retry-After may be a date", async (t) => {
  const now = Date.parse("2026-11-23T10:00:00Z");
  const headers = { "retry-after": "Mon, 23 Nov 2026 10:00:05 GMT" };
  const { client, repository, waits } = await rig(t, () => ({ status: 429, headers }), { now: () => now, retries: 1 });
  assert.equal((await client.manifest(repository, digest)).kind, "throttled");
  assert.deepEqual(waits, [5000]);
});

test("T7: nobody listening is broken, after retries, with the system's reason", async (t) => {
  const { client, waits } = await rig(t, () => ({ status: 200 }));
  const gone = await freePort();
  const answer = await client.manifest(`127.0.0.1:${gone}/team/app`, digest);
  assert.deepEqual(answer, { kind: "broken", detail: `127.0.0.1:${gone}: ECONNREFUSED` });
  assert.deepEqual(waits, [250, 500, 1000]);
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("T7: a registry that never answers, or never ends its answer, is broken in time", async (t) => {
  const stalled = await rig(t, () => new Promise<PlannedAnswer>(() => undefined), { timeoutMilliseconds: 150 });
  const dripping = await rig(
    t,
    () => ({
      status: 200,
      headers: asIndex,
      stream: (response) => {
        const timer = setInterval(() => response.write(" "), 20);
        response.on("close", () => {
          clearInterval(timer);
        });
      },
    }),
    { timeoutMilliseconds: 150 },
  );
  for (const { client, repository } of [stalled, dripping]) {
    const started = performance.now();
    const answer = await client.manifest(repository, digest);
    assert.ok(answer.kind === "broken");
    assert.match(answer.detail, /did not answer within 150 ms/);
    assert.ok(performance.now() - started < 2000);
  }
});

function endless(total: number): NonNullable<PlannedAnswer["stream"]> {
  return (response) => {
    const chunk = Buffer.alloc(1024 * 1024);
    let sent = 0;
    const more = (): void => {
      while (sent < total && !response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) {
          response.once("drain", more);
          return;
        }
      }
      response.end();
    };
    more();
  };
}

test("T8, CVE-2024-29902: a blob whose descriptor is over the cap is too large without a request", async (t) => {
  const { client, repository, server } = await rig(t, () => ({ status: 200 }));
  assert.equal((await client.blob(repository, { digest, size: 1024 ** 3 })).kind, "too-large");
  assert.equal(server.seen.length, 0);
});

test("T9: a blob is compared with its descriptor: longer, shorter and other bytes are broken", async (t) => {
  let body: string | undefined;
  const { client, repository } = await rig(t, () =>
    body === undefined ? { status: 200, stream: endless(1024 ** 3) } : { status: 200, body },
  );
  const blob = { digest: digestOf("content"), size: 7 };
  assert.match(await detailOf(client.blob(repository, blob)), /more bytes came/);
  body = "contents";
  assert.match(await detailOf(client.blob(repository, blob)), /sent 8 bytes/);
  body = "conten";
  assert.match(await detailOf(client.blob(repository, blob)), /sent 6 bytes/);
  body = "Content";
  assert.match(await detailOf(client.blob(repository, blob)), /served bytes of sha256:/);
  body = "content";
  assert.equal((await client.blob(repository, blob)).kind, "found");
});

async function detailOf(answer: Promise<{ readonly kind: string; readonly detail?: string }>): Promise<string> {
  const { kind, detail } = await answer;
  assert.equal(kind, "broken");
  return detail ?? "";
}

test("an aborted client rejects with the signal's reason", async (t) => {
  const abort = new AbortController();
  const { client, repository } = await rig(t, () => new Promise<PlannedAnswer>(() => undefined), {
    signal: abort.signal,
  });
  const waiting = client.manifest(repository, digest);
  setTimeout(() => {
    abort.abort(new Error("interrupted"));
  }, 50);
  await assert.rejects(waiting, /interrupted/);
});

test("hosts other than loopback are asked over TLS only", async () => {
  const asked: string[] = [];
  const spy: typeof fetch = (input) => {
    asked.push(input instanceof Request ? input.url : String(input));
    return Promise.resolve(new Response(null, { status: 404 }));
  };
  const client = createRegistryClient({ fetch: spy });
  for (const host of [
    "ghcr.io",
    "docker.io",
    "127.0.0.1.example.org",
    "localhost:5000",
    "127.0.0.1:5000",
    "127.evil.org",
  ]) {
    await client.manifest(`${host}/team/app`, digest);
  }
  assert.deepEqual(
    asked.map((url) => url.split("/v2/")[0]),
    [
      "https://ghcr.io",
      "https://registry-1.docker.io",
      "https://127.0.0.1.example.org",
      "http://localhost:5000",
      "http://127.0.0.1:5000",
      "https://127.evil.org",
    ],
  );
});
