import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { startServer } from "./loopback-server.ts";
import { startRawServer } from "./raw-server.ts";

const content = "content";
const blob = { digest: digestOf(content), size: content.length };
const sleep = (): Promise<void> => Promise.resolve();

const lies: readonly (readonly [string, string])[] = [
  ["a length that is longer than what comes", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nconten"],
  ["a length that is no number", "HTTP/1.1 200 OK\r\ncontent-length: seven\r\n\r\ncontent"],
  ["a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -7\r\n\r\ncontent"],
  ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-length: 6\r\n\r\ncontent"],
  [
    "a length and chunks",
    "HTTP/1.1 200 OK\r\ncontent-length: 7\r\ntransfer-encoding: chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n",
  ],
  ["a chunk that is longer than what comes", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ncontent"],
  ["chunks without an end", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\ncontent\r\n"],
  ["a chunk's size that is none", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\ncontent\r\n0\r\n\r\n"],
  ["a chunk's size beyond 64 bits", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${"f".repeat(17)}\r\nc`],
  ["headers without an end", `HTTP/1.1 200 OK\r\n${"x-filler: y\r\n".repeat(20_000)}`],
  ["something that is not HTTP", "220 mail.example ESMTP\r\n"],
  ["nothing at all", ""],
];
for (const [name, text] of lies) {
  test(`T7: ${name} is broken, for a blob that is read whole and for one that is streamed`, async (t) => {
    const server = await startRawServer(t, (socket) => {
      socket.end(text);
    });
    const client = createRegistryClient({ sleep, timeoutMilliseconds: 2000 });
    const repository = `${server.host}/team/app`;
    assert.equal((await client.blob(repository, blob)).kind, "broken");
    assert.equal((await client.manifest(repository, blob.digest)).kind, "broken");
    const opened = await client.blobStream(repository, blob);
    if (opened.kind === "found") {
      await assert.rejects(
        async () => {
          for await (const chunk of opened.value) assert.ok(chunk.length <= blob.size);
        },
        { name: "Failure", code: "REGISTRY_BROKEN" },
      );
    } else assert.equal(opened.kind, "broken");
  });
}

test("T7: a connection that breaks once, in the headers or in the body, is tried again", async (t) => {
  for (const cut of ["HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ncon"]) {
    const server = await startRawServer(t, (socket, request) => {
      socket.end(request === 1 ? cut : "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\ncontent");
    });
    const answer = await createRegistryClient({ sleep }).blob(`${server.host}/team/app`, blob);
    assert.equal(answer.kind, "found");
    assert.equal(server.requests(), 2);
  }
});

test("CVE-2023-25656: a body that is compressed is at most read as far as its blob's size", async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const server = await startServer(t, () => ({ status: 200, headers: { "content-encoding": "gzip" }, body: bomb }));
  const client = createRegistryClient({ sleep });
  const repository = `${server.host}/team/app`;
  assert.equal((await client.blob(repository, blob)).kind, "broken");
  assert.match((await client.manifest(repository, blob.digest)).kind, /^(?:broken|too-large)$/);
  assert.ok(server.seen.every(({ headers }) => headers["accept-encoding"] === "identity"));
});

for (const [name, body] of [
  ["arrays", "[".repeat(4_000_000)],
  ["objects", '{"a":'.repeat(800_000)],
  ["a well-formed list", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
  ["a list within a list's entry", `{"schemaVersion":2,"manifests":[${"[".repeat(1000)}${"]".repeat(1000)}]}`],
] as const) {
  test(`T8: ${name} nested without measure never throws, and is an answer in time`, async (t) => {
    const headers = { "content-type": mediaTypes.index };
    const server = await startServer(t, () => ({ status: 200, headers, body }));
    const client = createRegistryClient({ sleep });
    const repository = `${server.host}/team/app`;
    const started = performance.now();
    assert.equal((await client.referrers(repository, blob.digest)).kind, "broken");
    // By its own digest it is what was asked for: reading it is the verification's.
    assert.equal((await client.manifest(repository, digestOf(body))).kind, "found");
    const refused = await startServer(t, () => ({ status: 400, headers, body }));
    assert.equal((await client.manifest(`${refused.host}/team/app`, blob.digest)).kind, "broken");
    // A cubic parser would take hours; a busy machine takes some seconds.
    assert.ok(performance.now() - started < 30_000);
  });
}

test("T9, CVE-2022-47633, CVE-2023-47630: a manifest that is served with other bytes the second time is broken", async (t) => {
  let reads = 0;
  const server = await startServer(t, () => {
    reads += 1;
    return { status: 200, headers: { "content-type": mediaTypes.index }, body: reads === 1 ? "{}" : "{} " };
  });
  const client = createRegistryClient({ sleep });
  const repository = `${server.host}/team/app`;
  assert.equal((await client.manifest(repository, digestOf("{}"))).kind, "found");
  assert.equal((await client.manifest(repository, digestOf("{}"))).kind, "broken");
});
