import assert from "node:assert/strict";
import { test } from "node:test";
import { readCapped } from "../../../../src/adapters/registry/body.ts";

/** A response of one byte at a time, always in the same chunk: whoever keeps the chunk keeps the last byte only. */
function dripping(bytes: Uint8Array): Response {
  const chunk = new Uint8Array(1);
  let at = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const next = bytes[at];
        at += 1;
        if (next === undefined) {
          controller.close();
          return;
        }
        chunk[0] = next;
        controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body);
}

test("chunks are copied as they come, and none is kept", async () => {
  for (const length of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index % 251);
    const read = await readCapped(dripping(bytes), 200_000);
    assert.ok(read !== undefined && Buffer.from(read).equals(bytes), `${length} bytes`);
    // Nothing of the buffer that it grew in is held with it.
    assert.equal(read.buffer.byteLength, length);
  }
});

test("T8: one byte more than allowed is too much, however it comes", async () => {
  const bytes = new Uint8Array(1001);
  assert.equal(await readCapped(dripping(bytes), 1000), undefined);
  assert.equal(await readCapped(new Response(bytes), 1000), undefined);
  assert.equal((await readCapped(new Response(bytes), 1001))?.length, 1001);
});
