import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { gptOffsets, sealGpt, writeGpt } from "../../../../../lab/tdx/gpt-writer.ts";
import { replayEventLog } from "../../../../../src/core/tdx/event-log.ts";
import { eventTypes } from "../../../../../src/core/tdx/event-type.ts";
import { crc32 } from "../../../../../src/core/tdx/measure/crc32.ts";
import { efiSystemPartition, parseGpt } from "../../../../../src/core/tdx/measure/gpt.ts";
import { codeThrown } from "../../../../support/failures.ts";
import { mutateBytes, randomFrom } from "../../../../support/json-mutations.ts";
import { vector } from "../../../../support/vectors.ts";

const esp = {
  type: efiSystemPartition,
  id: "87654321-4321-8765-4321-876543218765",
  first: 2048,
  last: 4095,
  name: "esp",
};
const store = {
  type: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  id: "0dd0c1de-0000-4000-8000-000000000001",
  first: 4096,
  last: 6000,
  name: "store",
};
const layout = { diskId: "12345678-1234-5678-1234-567812345678", sectors: 8192, partitions: [esp, store] };
const disk = writeGpt(layout);

test("reads the partitions, in use or not, and where the backup lies", () => {
  const { partitions, lastSector } = parseGpt(disk);
  assert.deepEqual(partitions, [
    { type: efiSystemPartition, first: 2048n, last: 4095n },
    { type: store.type, first: 4096n, last: 6000n },
  ]);
  assert.equal(lastSector, 8191n);
});

test("the event is the header, the count in eight bytes and the used entries alone", () => {
  const { event } = parseGpt(disk);
  const count = Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(
    Buffer.from(event),
    Buffer.concat([disk.subarray(512, 604), count, disk.subarray(1024, 1024 + 256)]),
  );
});

test("gives the event that GCP's firmware measured of a disk of Google's", (t) => {
  const log = vector(t, "tdx/google-gcp-cos113.ccel");
  if (log === undefined) return;
  const replayed = replayEventLog(log);
  assert.ok(replayed.ok);
  const measured = replayed.log.events.find(({ type }) => type === eventTypes.efiGptEvent);
  assert.ok(measured);
  // The disk's beginning, made again from the event: its own checksums say whether the entries are where they were.
  const start = Buffer.alloc(1024 + 128 * 128);
  start.set(measured.data.subarray(0, 92), 512);
  start.set(measured.data.subarray(100), 1024);
  const { event, partitions } = parseGpt(start);
  assert.equal(createHash("sha384").update(event).digest("hex"), measured.digest);
  assert.equal(partitions.length, 12);
  assert.ok(partitions.some(({ type }) => type === efiSystemPartition));
});

/** The disk with bytes of the header or the entries changed, its checksums made right again. */
function changed(base: "header" | "entries", offset: number, bytes: readonly number[]): Buffer {
  const copy = Buffer.from(disk);
  copy.set(bytes, gptOffsets[base] + offset);
  return sealGpt(copy);
}
const broken = (offset: number): Buffer => {
  const copy = Buffer.from(disk);
  copy.writeUInt8(copy.readUInt8(offset) ^ 1, offset);
  return copy;
};
const refused: Readonly<Record<string, Uint8Array>> = {
  "no bytes": Buffer.alloc(0),
  "a disk without a table": Buffer.alloc(64 * 1024),
  "a header whose checksum is wrong": broken(512 + 56),
  "entries whose checksum is wrong": broken(1024 + 60),
  "another revision": changed("header", 8, [1]),
  "a header of 96 bytes": changed("header", 12, [96]),
  "a header of four thousand million bytes": changed("header", 12, [0xff, 0xff, 0xff, 0xff]),
  "a reserved field that is not zero": changed("header", 20, [1]),
  "a header that says it lies elsewhere": changed("header", 24, [2]),
  "entries of 256 bytes": changed("header", 84, [0, 1]),
  "no entries": changed("header", 80, [0]),
  "four thousand million entries": changed("header", 80, [0xff, 0xff, 0xff, 0xff]),
  "entries in sector 1": changed("header", 72, [1]),
  "entries at the end of 64 bits": changed("header", 72, new Array<number>(8).fill(0xff)),
  "a partition that overlaps another": changed("entries", 40, [0, 0x10]),
  "a partition that overlaps the table": changed("entries", 32, [2, 0]),
  "a partition that ends before it begins": changed("entries", 40, [0, 1]),
  "a partition beyond the usable sectors": changed("entries", 128 + 40, [0, 0x20]),
};
for (const [what, bytes] of Object.entries(refused)) {
  test(`refuses ${what}`, () => {
    assert.equal(
      codeThrown(() => parseGpt(bytes), "accepted"),
      "DISK_GPT_INVALID",
    );
  });
}

test("refuses a table that is cut anywhere", () => {
  for (let length = 0; length < disk.length; length += 97) {
    assert.equal(
      codeThrown(() => parseGpt(disk.subarray(0, length)), "accepted"),
      "DISK_GPT_INVALID",
    );
  }
});

test("the checksum is zlib's", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc32(bytes) === zlibCrc32(bytes)));
});

const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
test(`no mutation throws anything else, and none that is accepted gives another event (${total}, seed ${seed})`, () => {
  const random = randomFrom(seed);
  const { event } = parseGpt(disk);
  for (let count = 0; count < total; count += 1) {
    const { bytes, what } = mutateBytes(disk, random);
    codeThrown(() => {
      assert.deepEqual(parseGpt(bytes).event, event, what);
    }, "accepted");
  }
});
