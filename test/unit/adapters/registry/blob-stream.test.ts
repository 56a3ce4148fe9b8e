import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { RegistryClientOptions } from "../../../../src/adapters/registry/settings.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { startServer } from "./loopback-server.ts";
import type { PlannedAnswer, SeenRequest } from "./loopback-server.ts";

const content = Buffer.alloc(300_000, "a layer ");
const blob = { digest: digestOf(content), size: content.length };
const broken = { name: "Failure", code: "REGISTRY_BROKEN", kind: "unavailable" };
const sleep = (): Promise<void> => Promise.resolve();

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** Opens the blob at a server that answers as told, and reads it. */
async function streamed(
  t: Parameters<typeof startServer>[0],
  answer: PlannedAnswer | ((request: SeenRequest) => PlannedAnswer),
  options: RegistryClientOptions & { readonly maxBytes?: number } = {},
): Promise<string | Buffer> {
  const server = await startServer(t, (request) => (typeof answer === "function" ? answer(request) : answer));
  const client = createRegistryClient({ sleep, ...options });
  const opened = await client.blobStream(`${server.host}/team/app`, blob, options.maxBytes);
  return opened.kind === "found" ? bytesOf(opened.value) : opened.kind;
}

test("a blob comes as it is, in more than one piece", async (t) => {
  assert.deepEqual(await streamed(t, { status: 200, body: content }), content);
});

test("an empty blob is an empty stream", async (t) => {
  const server = await startServer(t, () => ({ status: 200, body: "" }));
  const empty = { digest: digestOf(""), size: 0 };
  const opened = await createRegistryClient().blobStream(`${server.host}/team/app`, empty);
  assert.ok(opened.kind === "found");
  assert.equal((await bytesOf(opened.value)).length, 0);
});

for (const [status, kind, requests] of [
  [401, "unauthorized", 1],
  [403, "forbidden", 1],
  [404, "absent", 1],
  [406, "broken", 1],
  [429, "throttled", 4],
  [500, "broken", 4],
  [503, "broken", 4],
  [303, "broken", 1],
  [204, "broken", 1],
] as const) {
  test(`T7: ${status} to a blob that is streamed is "${kind}" before its first byte, after ${requests} requests`, async (t) => {
    let seen = 0;
    const answer = (): PlannedAnswer => {
      seen += 1;
      return { status };
    };
    if (status === 204) await assert.rejects(streamed(t, answer), broken);
    else assert.equal(await streamed(t, answer), kind);
    assert.equal(seen, requests);
  });
}

test("a 503 that passes is tried again", async (t) => {
  let failures = 2;
  const answer = (): PlannedAnswer => (failures-- > 0 ? { status: 503 } : { status: 200, body: content });
  assert.deepEqual(await streamed(t, answer), content);
});

test("T9: other bytes, fewer and more of them are a failure, never an end", async (t) => {
  const other = Buffer.from(content);
  other[299_999] = 0;
  for (const body of [other, content.subarray(1), Buffer.alloc(0)]) {
    await assert.rejects(streamed(t, { status: 200, body }), broken);
  }
  const longer = Buffer.concat([content, Buffer.from("x")]);
  const chunked = (response: { end: (bytes: Buffer) => unknown; write: (bytes: Buffer) => unknown }): void => {
    response.write(longer.subarray(0, 1000));
    response.end(longer.subarray(1000));
  };
  await assert.rejects(streamed(t, { status: 200, stream: chunked }), broken);
});

test("T8: a blob that is announced as longer is broken without being read, one over the cap without being asked for", async (t) => {
  const endless: NonNullable<PlannedAnswer["stream"]> = (response) => {
    response.write("x");
  };
  const headers = { "content-length": String(1024 ** 3) };
  assert.equal(await streamed(t, { status: 200, headers, stream: endless }), "broken");
  let asked = 0;
  const answer = (): PlannedAnswer => {
    asked += 1;
    return { status: 200, body: content };
  };
  assert.equal(await streamed(t, answer, { maxBytes: blob.size - 1 }), "too-large");
  assert.equal(asked, 0);
  const client = createRegistryClient();
  const huge = { digest: blob.digest, size: 16 * 1024 ** 3 + 1 };
  assert.equal((await client.blobStream("127.0.0.1:1/team/app", huge)).kind, "too-large");
});

test("CVE-2026-48501: a redirect to storage gets no credentials, and what another host says is not absent", async (t) => {
  let status = 200;
  const storage = await startServer(t, () => ({ status, body: status === 200 ? content : "" }));
  const credentials = () => Promise.resolve({ kind: "basic", username: "ada", password: "hunter2" } as const);
  const answer = ({ headers }: SeenRequest): PlannedAnswer =>
    headers.authorization === undefined
      ? { status: 401, headers: { "www-authenticate": "Basic" } }
      : { status: 307, headers: { location: `http://${storage.host}/object` } };
  assert.deepEqual(await streamed(t, answer, { credentials }), content);
  status = 404;
  assert.equal(await streamed(t, answer, { credentials }), "broken");
  assert.ok(storage.seen.every(({ headers }) => headers.authorization === undefined));
});

test("a body that drips ends in the time that its size is given", async (t) => {
  const drip: NonNullable<PlannedAnswer["stream"]> = (response) => {
    const timer = setInterval(() => response.write("x"), 20);
    response.on("close", () => {
      clearInterval(timer);
    });
  };
  const started = performance.now();
  await assert.rejects(streamed(t, { status: 200, stream: drip }, { timeoutMilliseconds: 200 }), broken);
  // 300,000 bytes are worth a second more.
  const took = performance.now() - started;
  assert.ok(took > 1000 && took < 5000, `${took}`);
});

/** Writes the first half and no more; resolves once the connection was closed. */
function half(): { readonly stream: NonNullable<PlannedAnswer["stream"]>; readonly closed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    closed: promise,
    stream: (response) => {
      response.write(content.subarray(0, 150_000));
      response.on("close", () => {
        resolve(undefined);
      });
    },
  };
}

test("a signal ends the stream: the request's own as a failure, the client's with its reason", async (t) => {
  for (const whose of ["request", "client"] as const) {
    const { stream, closed } = half();
    const server = await startServer(t, () => ({ status: 200, stream }));
    const abort = new AbortController();
    const client = createRegistryClient(whose === "client" ? { signal: abort.signal } : {});
    const signal = whose === "request" ? abort.signal : undefined;
    const opened = await client.blobStream(`${server.host}/team/app`, blob, undefined, signal);
    assert.ok(opened.kind === "found");
    setTimeout(() => {
      abort.abort(new Error("interrupted"));
    }, 50);
    await assert.rejects(bytesOf(opened.value), whose === "client" ? /^Error: interrupted$/ : broken);
    await closed;
  }
});

test("whoever stops reading closes the connection", async (t) => {
  const { stream, closed } = half();
  const server = await startServer(t, () => ({ status: 200, stream }));
  const opened = await createRegistryClient().blobStream(`${server.host}/team/app`, blob);
  assert.ok(opened.kind === "found");
  for await (const chunk of opened.value) {
    assert.ok(chunk.length > 0);
    break;
  }
  await closed;
});

test("a connection that breaks after the first byte is a failure: nothing is resumed", async (t) => {
  let requests = 0;
  const answer = (): PlannedAnswer => {
    requests += 1;
    return {
      status: 200,
      headers: { "content-length": String(blob.size) },
      stream: (response) => {
        response.write(content.subarray(0, 1000), () => response.destroy());
      },
    };
  };
  await assert.rejects(streamed(t, answer), broken);
  assert.equal(requests, 1);
});
