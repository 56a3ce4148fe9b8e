import type { MeasuredEvent } from "./contract.ts";
import type { EventLogFault, EventLogFaultCode } from "./event-log-fault.ts";
import { eventTypes } from "./event-type.ts";

/** What a log may hold, in a guest as in evidence. GCP's firmware reserves 256 KiB and writes some fifty events. */
export const eventLogLimits = { bytes: 1024 * 1024, events: 8192, algorithms: 16 } as const;

/** Hash algorithms (TCG Algorithm Registry 1.34, table 3) and the sizes of their digests. */
export const hashAlgorithms = { sha1: 0x0004, sha256: 0x000b, sha384: 0x000c, sha512: 0x000d, sm3: 0x0012 } as const;
const digestSizes: ReadonlyMap<number, number> = new Map([
  [hashAlgorithms.sha1, 20],
  [hashAlgorithms.sha256, 32],
  [hashAlgorithms.sha384, 48],
  [hashAlgorithms.sha512, 64],
  [hashAlgorithms.sm3, 32],
]);

const signature = "Spec ID Event03\0";
const endOfLog = 0xffff_ffff;

/**
 * The events that extended a register, in their order. Data are views of `bytes`, not copies: a length that lies costs
 * nothing. The first fault ends reading, as nothing says where the next record would begin.
 */
export function parseEventLog(bytes: Uint8Array): readonly MeasuredEvent[] | EventLogFault {
  if (bytes.length > eventLogLimits.bytes) {
    return fault("EVENT_LOG_TOO_LARGE", "event log", `at most ${eventLogLimits.bytes} bytes`, `${bytes.length} bytes`);
  }
  const reader = createReader(bytes);
  const algorithms = readHeader(reader);
  if ("code" in algorithms) return algorithms;
  const events: MeasuredEvent[] = [];
  for (let number = 1; !reader.atEnd(); number += 1) {
    if (number > eventLogLimits.events) {
      return fault("EVENT_LOG_TOO_LARGE", "event log", `at most ${eventLogLimits.events} events`, "more");
    }
    const event = readEvent(reader, algorithms, `event ${number}`);
    if (event === undefined) continue;
    if ("code" in event) return event;
    events.push(event);
  }
  return reader.paddingFault() ?? events;
}

/** TCG_PCClientPCREvent with a TCG_EfiSpecIdEvent (sections 10.2.1 and 10.4.5.1): the algorithms of all later events. */
function readHeader(reader: Reader): ReadonlyMap<number, number> | EventLogFault {
  const refused = (expected: string, found: string): EventLogFault =>
    fault("EVENT_LOG_HEADER", "specification ID event", expected, found);
  reader.u32(); // the register: 0 by the profile, 1 from GCP's firmware; nothing is extended
  const type = reader.u32();
  const digest = reader.take(20);
  const size = reader.u32();
  const start = reader.offset();
  const text = Buffer.from(reader.take(16)).toString("latin1");
  reader.u32(); // platform class
  const version = [reader.u8(), reader.u8()].reverse().join(".");
  reader.u8(); // errata
  reader.u8(); // size of UINTN
  const count = reader.u32();
  if (reader.truncated()) return truncated("specification ID event");
  if (type !== eventTypes.noAction) return refused("EV_NO_ACTION", `type 0x${type.toString(16)}`);
  if (digest.some((byte) => byte !== 0)) return refused("a digest of zeros", Buffer.from(digest).toString("hex"));
  if (text !== signature) return refused("Spec ID Event03", JSON.stringify(text));
  if (!version.startsWith("2.")) return refused("version 2", version);
  if (count === 0 || count > eventLogLimits.algorithms) {
    return refused(`1 to ${eventLogLimits.algorithms} algorithms`, String(count));
  }
  const algorithms = new Map<number, number>();
  for (let index = 0; index < count; index += 1) {
    const algorithm = reader.u16();
    const digestSize = reader.u16();
    if (reader.truncated()) return truncated("specification ID event");
    const name = `algorithm 0x${algorithm.toString(16)}`;
    const known = digestSizes.get(algorithm);
    if (algorithms.has(algorithm)) return refused("each algorithm once", `${name} twice`);
    if (digestSize !== (known ?? digestSize) || digestSize === 0 || digestSize > 64) {
      return refused(`${known ?? "1 to 64"} bytes for ${name}`, `${digestSize} bytes`);
    }
    algorithms.set(algorithm, digestSize);
  }
  reader.take(reader.u8()); // vendor information
  if (reader.truncated()) return truncated("specification ID event");
  const found = reader.offset() - start;
  if (found !== size) return refused(`an event of ${size} bytes, as it says`, `${found} bytes`);
  if (!algorithms.has(hashAlgorithms.sha384)) {
    const names = [...algorithms.keys()].map((algorithm) => `0x${algorithm.toString(16)}`).join(", ");
    return fault("EVENT_LOG_ALGORITHM", "specification ID event", "SHA-384 (0xc)", names);
  }
  return algorithms;
}

/** TCG_PCR_EVENT2 (section 10.2.2). Undefined: it extends nothing, or the log ends here. */
function readEvent(
  reader: Reader,
  algorithms: ReadonlyMap<number, number>,
  name: string,
): MeasuredEvent | EventLogFault | undefined {
  const index = reader.u32();
  const type = reader.u32();
  const count = reader.u32();
  if (reader.truncated()) return truncated(name);
  if (count !== algorithms.size) {
    return fault("EVENT_LOG_ALGORITHM", name, `${algorithms.size} digests, as the header announces`, `${count}`);
  }
  const digests = new Map<number, Uint8Array>();
  for (let position = 0; position < count; position += 1) {
    const algorithm = reader.u16();
    if (reader.truncated()) return truncated(name);
    const size = algorithms.get(algorithm);
    if (size === undefined || digests.has(algorithm)) {
      const found = `0x${algorithm.toString(16)}${size === undefined ? "" : " twice"}`;
      return fault("EVENT_LOG_ALGORITHM", name, "each algorithm of the header once", found);
    }
    digests.set(algorithm, reader.take(size));
  }
  const data = reader.take(reader.u32());
  const digest = digests.get(hashAlgorithms.sha384);
  if (reader.truncated() || digest === undefined) return truncated(name);
  // Section 10.4.1: EV_NO_ACTION informs and is never extended.
  if (type === eventTypes.noAction) return undefined;
  const register = registerOf(index);
  if (register === undefined) {
    return fault("EVENT_LOG_REGISTER", name, "measurement register 1 to 4 (RTMR0 to RTMR3)", String(index));
  }
  return { register, type, digest: Buffer.from(digest).toString("hex"), data };
}

/** UEFI 2.10, section 38.4.1: 0 is MRTD, which only the TDX module extends, and only while it builds the domain. */
function registerOf(index: number): MeasuredEvent["register"] | undefined {
  switch (index) {
    case 1:
      return 0;
    case 2:
      return 1;
    case 3:
      return 2;
    case 4:
      return 3;
    default:
      return undefined;
  }
}

interface Reader {
  u8(): number;
  u16(): number;
  u32(): number;
  /** A view. Past the end it is empty, and `truncated` is true from then on. */
  take(length: number): Uint8Array;
  truncated(): boolean;
  offset(): number;
  /** Whether only padding can follow: no bytes are left, or the next record is all ones or all zeros. */
  atEnd(): boolean;
  /** Called at the end: what is left must be one byte, 0xff or 0, again and again. */
  paddingFault(): EventLogFault | undefined;
}

function createReader(bytes: Uint8Array): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  let short = false;

  function advance(length: number): number | undefined {
    if (short || length > bytes.length - offset) {
      short = true;
      return undefined;
    }
    offset += length;
    return offset - length;
  }
  const read = (length: number, get: (at: number) => number): number => {
    const at = advance(length);
    return at === undefined ? 0 : get(at);
  };

  return {
    u8: () => read(1, (at) => view.getUint8(at)),
    u16: () => read(2, (at) => view.getUint16(at, true)),
    u32: () => read(4, (at) => view.getUint32(at, true)),
    take(length) {
      const at = advance(length);
      return at === undefined ? new Uint8Array() : bytes.subarray(at, at + length);
    },
    truncated: () => short,
    offset: () => offset,
    atEnd() {
      const left = bytes.length - offset;
      if (left < 8) return isUniform(bytes.subarray(offset));
      const first = view.getUint32(offset, true);
      // Firmware fills the area with ones (edk2, TdTcg2Dxe) or leaves zeros. A record of zeros is no event: type 0 is reserved.
      return first === endOfLog || (first === 0 && view.getUint32(offset + 4, true) === 0);
    },
    paddingFault() {
      const rest = bytes.subarray(offset);
      if (isUniform(rest)) return undefined;
      const found = `other bytes among the ${rest.length} after byte ${offset}`;
      return fault("EVENT_LOG_TRAILING_BYTES", "end of the log", "nothing, or padding of ones or zeros", found);
    },
  };
}

/** Whether it is padding: empty, all 0xff, or all zeros. */
function isUniform(bytes: Uint8Array): boolean {
  const [first] = bytes;
  return first === undefined || ((first === 0 || first === 0xff) && bytes.every((byte) => byte === first));
}

function fault(code: EventLogFaultCode, subject: string, expected: string, found: string): EventLogFault {
  return { code, subject, expected, found };
}

function truncated(subject: string): EventLogFault {
  return fault("EVENT_LOG_TRUNCATED", subject, "a whole record", "the end of the log within it");
}
