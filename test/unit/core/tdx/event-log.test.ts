import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { writeEventLog } from "../../../../lab/tdx/event-log-writer.ts";
import type { EventToWrite } from "../../../../lab/tdx/event-log-writer.ts";
import { replayAgainst, replayEventLog } from "../../../../src/core/tdx/event-log.ts";
import type { EventLogVerdict } from "../../../../src/core/tdx/event-log.ts";
import { efiActions, eventTypes } from "../../../../src/core/tdx/event-type.ts";
import { eventLogLimits } from "../../../../src/core/tdx/parse-event-log.ts";
import { mutateBytes, randomFrom } from "../../../support/json-mutations.ts";
import { vectors } from "../../../support/vectors.ts";
import { caseName } from "../../../support/case-name.ts";

const zeros = "0".repeat(96);
const text = (value: string): Uint8Array => Buffer.from(value);

function codes(verdict: EventLogVerdict): string[] {
  return verdict.ok ? [] : verdict.faults.map(({ code }) => code);
}

function replayed(bytes: Uint8Array) {
  const verdict = replayEventLog(bytes);
  assert.ok(verdict.ok, JSON.stringify(verdict));
  return verdict.log;
}

const events: readonly EventToWrite[] = [
  { register: 0, type: eventTypes.separator, data: Buffer.alloc(4) },
  { register: 1, type: eventTypes.efiAction, data: text(efiActions.callingApplication) },
  { register: 1, type: eventTypes.efiBootServicesApplication, data: text("path"), digest: "ab".repeat(48) },
  { register: 2, type: eventTypes.ipl, data: text("kernel") },
];
const log = writeEventLog(events, { area: 4096 });
const { registers } = replayed(log);

/** The log with some bytes replaced. */
function patched(offset: number, bytes: readonly number[], of: Uint8Array = log): Uint8Array {
  const copy = Buffer.from(of);
  copy.set(bytes, offset);
  return copy;
}
/** Behind the header: 8 register and type, 20 digest, 4 size, 33 event. */
const firstEvent = 65;
const recordSize = (data: number): number => 12 + 50 + 4 + data;

test("replays each register as SHA-384 over its events, from zeros", () => {
  const extend = (before: Uint8Array, digest: Uint8Array) =>
    createHash("sha384").update(before).update(digest).digest();
  const hash = (data: Uint8Array) => createHash("sha384").update(data).digest();
  const start = Buffer.alloc(48);
  assert.deepEqual(registers, {
    rtmr0: extend(start, hash(Buffer.alloc(4))).toString("hex"),
    rtmr1: extend(extend(start, hash(text(efiActions.callingApplication))), Buffer.alloc(48, 0xab)).toString("hex"),
    rtmr2: extend(start, hash(text("kernel"))).toString("hex"),
    rtmr3: zeros,
  });
});

test("gives back what the writer was given", () => {
  const event = fc.record({
    register: fc.constantFrom(0, 1, 2, 3),
    type: fc.constantFrom(eventTypes.separator, eventTypes.ipl, eventTypes.eventTag, 0x8000_0010),
    data: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.nat({ max: 64 }), (written, spare) => {
      const bytes = writeEventLog(written);
      for (const padded of [bytes, Buffer.concat([bytes, Buffer.alloc(spare, 0xff)])]) {
        const read = replayed(padded).events;
        assert.deepEqual(
          read.map(({ register, type, data }) => ({ register, type, data: [...data] })),
          written.map(({ register, type, data }) => ({ register, type, data: [...data] })),
        );
      }
    }),
  );
});

test("replays a log from GCP to the three registers of the quote that came with it", (t) => {
  const files = vectors(t, "tdx/google-gcp-cos113.ccel", "tdx/google-gcp-cos113.quote");
  if (files === undefined) return;
  const [ccel, quote] = files;
  // Offsets of a v4 quote: 48 header, then RTMR0 at 328 of the body.
  const register = (index: number) => quote.subarray(376 + 48 * index, 424 + 48 * index).toString("hex");
  const measured = { rtmr0: register(0), rtmr1: register(1), rtmr2: register(2), rtmr3: register(3) };
  const verdict = replayAgainst(ccel, measured);
  assert.ok(verdict.ok);
  assert.deepEqual(verdict.log.registers, measured);
  assert.equal(measured.rtmr3, zeros);
  assert.equal(verdict.log.events.length, 43);
});

test("refuses a log of another boot than the quote's", (t) => {
  const files = vectors(t, "tdx/google-gcp-cos113.ccel");
  if (files === undefined) return;
  assert.deepEqual(codes(replayAgainst(files[0], { ...registers })), [
    "EVENT_LOG_REPLAY",
    "EVENT_LOG_REPLAY",
    "EVENT_LOG_REPLAY",
  ]);
});

const different: Readonly<Record<string, readonly [readonly EventToWrite[], readonly string[]]>> = {
  "G2: events shuffled within a register": [[0, 2, 1, 3].map((index) => events[index]!), ["RTMR1"]],
  "an event missing": [events.slice(0, 3), ["RTMR2"]],
  "an event added": [[...events, { register: 3, type: eventTypes.eventTag, data: text("x") }], ["RTMR3"]],
  "an event twice": [[...events, events[3]!], ["RTMR2"]],
  "an event moved to another register": [
    [...events.slice(0, 3), { ...events[3]!, register: 3 }],
    ["RTMR2", "RTMR3"],
  ],
  "an event with another digest": [[...events.slice(0, 3), { ...events[3]!, digest: "cd".repeat(48) }], ["RTMR2"]],
  "G1: no events": [[], ["RTMR0", "RTMR1", "RTMR2"]],
};
for (const [what, [changed, where]] of Object.entries(different)) {
  test(caseName("refuses", `${what}: the register is not the quote's`), () => {
    const verdict = replayAgainst(writeEventLog(changed), registers);
    assert.ok(!verdict.ok);
    assert.deepEqual(
      verdict.faults.map(({ code, subject }) => [code, subject]),
      where.map((name) => ["EVENT_LOG_REPLAY", name]),
    );
  });
}

test("accepts events of different registers in another order: it proves the same", () => {
  assert.ok(replayAgainst(writeEventLog([3, 1, 0, 2].map((index) => events[index]!)), registers).ok);
});

for (const type of [
  eventTypes.separator,
  eventTypes.efiAction,
  eventTypes.efiGptEvent,
  eventTypes.efiVariableDriverConfig,
  eventTypes.efiVariableAuthority,
]) {
  test(`G3: refuses other data under a digest that must be over it (type 0x${type.toString(16)})`, () => {
    const digest = createHash("sha384").update("measured").digest("hex");
    const event = { register: 0 as const, type, digest };
    assert.deepEqual(codes(replayEventLog(writeEventLog([{ ...event, data: text("told") }]))), [
      "EVENT_LOG_RELABELLED",
    ]);
    assert.deepEqual(codes(replayEventLog(writeEventLog([{ ...event, data: text("measured") }]))), []);
  });
}

test("tells a bounded number of relabelled events", () => {
  const event = { register: 0 as const, type: eventTypes.separator, digest: zeros, data: text("x") };
  assert.equal(codes(replayEventLog(writeEventLog(new Array(500).fill(event)))).length, 20);
});

test("does not extend an informational event", () => {
  const informational = { register: 0 as const, type: eventTypes.noAction, data: text("StartupLocality") };
  assert.deepEqual(replayed(writeEventLog([informational, ...events])).registers, registers);
});

test("takes SHA-384 out of a log with several algorithms", () => {
  const algorithms = [
    [0x000b, 32],
    [0x000c, 48],
    [0x1234, 7],
  ] as const;
  assert.deepEqual(replayed(writeEventLog(events, { algorithms })).registers, registers);
});

const separate = (index: number, bytes: readonly number[]) => patched(firstEvent + index, bytes);
const refused: Readonly<Record<string, readonly [string, Uint8Array]>> = {
  "G1: no bytes": ["EVENT_LOG_TRUNCATED", Buffer.alloc(0)],
  "only padding": ["EVENT_LOG_HEADER", Buffer.alloc(4096, 0xff)],
  "only zeros": ["EVENT_LOG_HEADER", Buffer.alloc(4096)],
  "a header of another type": ["EVENT_LOG_HEADER", patched(4, [4])],
  "a header with a digest": ["EVENT_LOG_HEADER", patched(8, [1])],
  "the older format (Spec ID Event02)": ["EVENT_LOG_HEADER", patched(32 + 14, [0x32])],
  "another version": ["EVENT_LOG_HEADER", patched(32 + 21, [3])],
  "a header longer than it says": ["EVENT_LOG_HEADER", patched(28, [32])],
  "a header shorter than it says": ["EVENT_LOG_HEADER", patched(28, [34])],
  "no algorithm": ["EVENT_LOG_HEADER", patched(32 + 24, [0, 0, 0, 0])],
  "four thousand million algorithms": ["EVENT_LOG_HEADER", patched(32 + 24, [0xff, 0xff, 0xff, 0xff])],
  "a SHA-384 of 32 bytes": ["EVENT_LOG_HEADER", patched(32 + 30, [32])],
  "an unknown algorithm without a size": ["EVENT_LOG_HEADER", patched(32 + 28, [0x34, 0x12, 0, 0])],
  "an algorithm twice": [
    "EVENT_LOG_HEADER",
    writeEventLog(events, {
      algorithms: [
        [0x000c, 48],
        [0x000c, 48],
      ],
    }),
  ],
  "G4: SHA-256 alone": ["EVENT_LOG_ALGORITHM", writeEventLog(events, { algorithms: [[0x000b, 32]] })],
  "G4: an event with SHA-256 where SHA-384 was announced": ["EVENT_LOG_ALGORITHM", separate(12, [0x0b])],
  "an event without digests": ["EVENT_LOG_ALGORITHM", separate(8, [0])],
  "an event with more digests than announced": ["EVENT_LOG_ALGORITHM", separate(8, [2])],
  "G6: four thousand million digests": ["EVENT_LOG_ALGORITHM", separate(8, [0xff, 0xff, 0xff, 0xff])],
  "an event that extends MRTD": ["EVENT_LOG_REGISTER", separate(0, [0])],
  "an event for a fifth register": ["EVENT_LOG_REGISTER", separate(0, [5])],
  "an event for register 2^31": ["EVENT_LOG_REGISTER", separate(0, [0, 0, 0, 0x80])],
  "G6: data of four thousand million bytes": ["EVENT_LOG_TRUNCATED", separate(62, [0xff, 0xff, 0xff, 0xff])],
  "data that run one byte past the end": [
    "EVENT_LOG_TRUNCATED",
    patched(firstEvent + 62, [5], writeEventLog([events[0]!])),
  ],
  "G5: an event behind the end of the log": [
    "EVENT_LOG_TRAILING_BYTES",
    patched(3000, [...writeEventLog([events[0]!]).subarray(firstEvent)]),
  ],
  "one byte behind the end of the log": ["EVENT_LOG_TRAILING_BYTES", patched(4095, [0])],
  "zeros behind ones": ["EVENT_LOG_TRAILING_BYTES", Buffer.concat([log, Buffer.alloc(8)])],
  "a few bytes too few for an event": ["EVENT_LOG_TRUNCATED", Buffer.concat([writeEventLog(events), text("abc")])],
  "more bytes than any firmware writes": ["EVENT_LOG_TOO_LARGE", Buffer.alloc(eventLogLimits.bytes + 1)],
  "G6: more events than any firmware writes": [
    "EVENT_LOG_TOO_LARGE",
    writeEventLog(new Array(eventLogLimits.events + 1).fill({ ...events[3], data: Buffer.alloc(0) })),
  ],
};
for (const [what, [code, bytes]] of Object.entries(refused)) {
  test(caseName("refuses", what), () => {
    assert.deepEqual(codes(replayEventLog(bytes)), [code]);
  });
}

test("accepts zeros as padding, and a log that ends with its last event", () => {
  const bare = writeEventLog(events);
  for (const padded of [bare, ...[1, 7, 8, 100].map((size) => Buffer.concat([bare, Buffer.alloc(size)]))]) {
    assert.deepEqual(replayed(padded).registers, registers);
  }
});

test("refuses a log cut anywhere but between events, and one cut there does not replay", () => {
  const bare = writeEventLog(events);
  const ends = [firstEvent];
  for (const { data } of events) ends.push(ends.at(-1)! + recordSize(data.length));
  assert.equal(ends.at(-1), bare.length);
  for (let length = 0; length < bare.length; length += 1) {
    const found = codes(replayAgainst(bare.subarray(0, length), registers));
    if (ends.includes(length)) assert.ok(found.length > 0 && found.every((code) => code === "EVENT_LOG_REPLAY"));
    else assert.deepEqual(found, ["EVENT_LOG_TRUNCATED"], `cut at ${length}`);
  }
});

const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

test(`no mutation throws, and none that is accepted has other events (${total}, seed ${seed})`, () => {
  const random = randomFrom(seed);
  const meaning = (bytes: Uint8Array) => replayed(bytes).events.map(({ register, digest }) => `${register} ${digest}`);
  const before = meaning(log);
  const order = (lines: readonly string[]) =>
    [0, 1, 2, 3].map((name) => lines.filter((line) => line.startsWith(`${name}`)));
  for (let count = 0; count < total; count += 1) {
    const mutation = mutateBytes(log, random);
    const verdict = replayAgainst(mutation.bytes, registers);
    if (verdict.ok) assert.deepEqual(order(meaning(mutation.bytes)), order(before), mutation.what);
  }
});
