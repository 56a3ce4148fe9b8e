import { createHash } from "node:crypto";
import { eventTypes } from "../../src/core/tdx/event-type.ts";
import { hashAlgorithms } from "../../src/core/tdx/parse-event-log.ts";
import { uint16, uint32 } from "./little-endian.ts";

/** One event to be written. */
export interface EventToWrite {
  /** Which RTMR it extends. */
  readonly register: 0 | 1 | 2 | 3;
  readonly type: number;
  readonly data: Uint8Array;
  /** SHA-384, 96 hex digits. Left out: of the data. */
  readonly digest?: string;
}

export interface EventLogLayout {
  /** The size of the area, which 0xff fills after the events. Left out: the log ends with its last event. */
  readonly area?: number;
  /** What the header announces and every event has. Left out: SHA-384 alone, as TDX firmware writes. */
  readonly algorithms?: readonly (readonly [id: number, size: number])[];
}

/**
 * A CCEL event log as TDX firmware writes it (formats: src/core/tdx/parse-event-log.ts). Digests of other algorithms than
 * SHA-384 are zeros: nothing replays them.
 */
export function writeEventLog(events: readonly EventToWrite[], layout: EventLogLayout = {}): Uint8Array {
  const { algorithms = [[hashAlgorithms.sha384, 48]] as const, area } = layout;
  const log = Buffer.concat([header(algorithms), ...events.map((event) => record(event, algorithms))]);
  if (area === undefined) return log;
  if (log.length > area) throw new RangeError(`the events take ${log.length} bytes, more than the area's ${area}`);
  return Buffer.concat([log, Buffer.alloc(area - log.length, 0xff)]);
}

function header(algorithms: NonNullable<EventLogLayout["algorithms"]>): Buffer {
  const event = Buffer.concat([
    Buffer.from("Spec ID Event03\0", "latin1"),
    uint32(0), // platform class: client
    Buffer.from([0, 2, 0, 2]), // version 2.0, errata 0, UINTN of 64 bits
    uint32(algorithms.length),
    ...algorithms.flatMap(([id, size]) => [uint16(id), uint16(size)]),
    Buffer.from([0]), // no vendor information
  ]);
  return Buffer.concat([uint32(1), uint32(eventTypes.noAction), Buffer.alloc(20), uint32(event.length), event]);
}

function record(
  { register, type, data, digest }: EventToWrite,
  algorithms: NonNullable<EventLogLayout["algorithms"]>,
): Buffer {
  const measured = digest === undefined ? createHash("sha384").update(data).digest() : Buffer.from(digest, "hex");
  const digests = algorithms.flatMap(([id, size]) => [
    uint16(id),
    id === hashAlgorithms.sha384 ? measured : Buffer.alloc(size),
  ]);
  return Buffer.concat([
    uint32(register + 1),
    uint32(type),
    uint32(algorithms.length),
    ...digests,
    uint32(data.length),
    data,
  ]);
}
