import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { boundedReader } from "../../../../src/adapters/registry/bounded-reader.ts";
import type { BoundedReader, ReadLimits } from "../../../../src/adapters/registry/bounded-reader.ts";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { startServer } from "./loopback-server.ts";
import type { LoopbackServer, PlannedAnswer } from "./loopback-server.ts";

const content = "c".repeat(100);
const blob = { digest: digestOf(content), size: content.length };

async function readerOf(
  t: TestContext,
  limits: Partial<ReadLimits>,
  answer: () => PlannedAnswer | Promise<PlannedAnswer> = () => ({ status: 200, body: content }),
): Promise<{ reader: BoundedReader; server: LoopbackServer }> {
  const server = await startServer(t, answer);
  const all = { bytes: 1000, milliseconds: 60_000, calls: 8, ...limits };
  const reader = boundedReader(createRegistryClient({ retries: 0 }), `${server.host}/team/app`, all);
  t.after(() => {
    reader.close();
  });
  return { reader, server };
}

function kinds(answers: readonly { readonly kind: string }[]): string[] {
  return answers.map(({ kind }) => kind).sort();
}

test("T8: blobs and manifests share the bytes, and what would exceed them is too large", async (t) => {
  const { reader } = await readerOf(t, { bytes: 250 });
  assert.equal((await reader.manifest(blob.digest)).kind, "found");
  assert.equal((await reader.blob(blob, 100)).kind, "found");
  assert.deepEqual(await reader.blob(blob, 100), {
    kind: "too-large",
    detail: "with it, more than the 250 bytes allowed for one release would be read",
  });
  assert.equal((await reader.manifest(blob.digest)).kind, "too-large");
});

test("reads under way at once don't exceed the bytes together, and a blob that doesn't fit is not asked for", async (t) => {
  const { reader, server } = await readerOf(t, { bytes: 250 });
  const answers = await Promise.all(Array.from({ length: 8 }, () => reader.blob(blob, 100)));
  assert.deepEqual(kinds(answers), ["found", "found", ...Array<string>(6).fill("too-large")]);
  assert.equal(server.seen.length, 2);
});

test("a blob that isn't there, or is larger than its own cap, takes no bytes of the others", async (t) => {
  let status = 404;
  const { reader } = await readerOf(t, { bytes: 100 }, () => ({ status, body: content }));
  assert.equal((await reader.blob(blob, 100)).kind, "absent");
  assert.equal((await reader.blob(blob, 99)).kind, "too-large");
  status = 200;
  assert.equal((await reader.blob(blob, 100)).kind, "found");
});

test("T7: when the time is over, what is under way ends as broken and nothing more is asked", async (t) => {
  const closed: Promise<void>[] = [];
  const { reader, server } = await readerOf(t, { milliseconds: 150, calls: 2 }, () => ({
    status: 200,
    stream: (response) => {
      response.write("c");
      closed.push(
        new Promise((resolve) => {
          response.on("close", resolve);
        }),
      );
    },
  }));
  const started = performance.now();
  const answers = await Promise.all([blob, blob, blob, blob].map((one) => reader.blob(one, 100)));
  assert.ok(performance.now() - started < 2000);
  for (const answer of answers) {
    const detail = "not all of it could be read within the 0.15 s allowed for one release";
    assert.deepEqual(answer, { kind: "broken", detail });
  }
  assert.equal((await reader.referrers(blob.digest)).kind, "broken");
  assert.equal(server.seen.length, 2);
  // The connections are closed, too: no download goes on that nobody waits for.
  await Promise.all(closed);
});

test("no more calls than allowed are under way, in the order in which they came", async (t) => {
  let running = 0;
  let most = 0;
  const { reader } = await readerOf(t, { calls: 3, bytes: 10_000 }, async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running -= 1;
    return { status: 200, body: content };
  });
  const done: number[] = [];
  const reads = Array.from({ length: 12 }, async (_, position) => {
    await reader.blob(blob, 100);
    done.push(position);
  });
  await Promise.all(reads);
  assert.equal(most, 3);
  assert.ok(Math.max(...done.slice(0, 3)) < 6, done.join());
});

test("a client that rejects makes its call reject, and gives its turn back", async (t) => {
  const server = await startServer(t, () => ({ status: 200, body: content }));
  const client = createRegistryClient();
  let calls = 0;
  const failing: typeof client = {
    ...client,
    blob: (...given) => (calls++ === 0 ? Promise.reject(new Error("interrupted")) : client.blob(...given)),
  };
  const limits = { bytes: 1000, milliseconds: 60_000, calls: 1 };
  const reader = boundedReader(failing, `${server.host}/team/app`, limits);
  await assert.rejects(reader.blob(blob, 100), /interrupted/);
  assert.equal((await reader.blob(blob, 100)).kind, "found");
  reader.close();
});
