import { createHash } from "node:crypto";
import type { MeasuredEvent, ReplayedLog, TdMeasurements } from "./contract.ts";
import type { EventLogFault } from "./event-log-fault.ts";
import { digestIsOverData } from "./event-type.ts";
import { parseEventLog } from "./parse-event-log.ts";

/**
 * The event log of a trust domain (ACPI table CCEL): the crypto-agile format of the TCG PC Client Platform Firmware Profile
 * 1.06, section 10.2, with measurement registers in place of PCRs (UEFI 2.10, section 38.4: 1 is RTMR0, 4 is RTMR3).
 *
 * Nothing of the log is authentic by itself: replaying must give the registers of a verified quote. Even then only digests
 * are proved; an event's data is what its digest says only for the types of `digestIsOverData`, and those are checked here.
 */

export type EventLogVerdict =
  | { readonly ok: true; readonly log: ReplayedLog }
  | { readonly ok: false; readonly faults: readonly [EventLogFault, ...EventLogFault[]] };

/** Reads a log strictly and replays it: each register is SHA-384(register ‖ digest) over its events, from zeros. Never throws. */
export function replayEventLog(bytes: Uint8Array): EventLogVerdict {
  const events = parseEventLog(bytes);
  if ("code" in events) return { ok: false, faults: [events] };
  const [first, ...rest] = events.filter(isRelabelled).slice(0, mostFaults);
  if (first !== undefined) return { ok: false, faults: [relabelled(first), ...rest.map(relabelled)] };
  return { ok: true, log: { registers: replay(events), events } };
}

/**
 * As `replayEventLog`, and the result must be what a verified quote says of all four registers: missing, added, changed and
 * shuffled events are found by this alone.
 */
export function replayAgainst(bytes: Uint8Array, measured: Omit<TdMeasurements, "mrtd">): EventLogVerdict {
  const verdict = replayEventLog(bytes);
  if (!verdict.ok) return verdict;
  const { registers } = verdict.log;
  const [first, ...rest] = registerNames.filter((name) => registers[name] !== measured[name]);
  if (first === undefined) return verdict;
  const different = (name: keyof typeof registers): EventLogFault => ({
    code: "EVENT_LOG_REPLAY",
    subject: name.toUpperCase(),
    expected: measured[name],
    found: registers[name],
  });
  return { ok: false, faults: [different(first), ...rest.map(different)] };
}

const registerNames = ["rtmr0", "rtmr1", "rtmr2", "rtmr3"] as const;
/** A log with everything relabelled need not be told event by event. */
const mostFaults = 20;

function isRelabelled(event: MeasuredEvent): boolean {
  return digestIsOverData(event.type) && createHash("sha384").update(event.data).digest("hex") !== event.digest;
}

function relabelled({ register, type, digest, data }: MeasuredEvent): EventLogFault {
  return {
    code: "EVENT_LOG_RELABELLED",
    subject: `event of type 0x${type.toString(16)} in RTMR${register}`,
    expected: `data with SHA-384 ${digest}`,
    found: `data with SHA-384 ${createHash("sha384").update(data).digest("hex")}`,
  };
}

function replay(events: readonly MeasuredEvent[]): ReplayedLog["registers"] {
  const registers = registerNames.map(() => Buffer.alloc(48));
  for (const { register, digest } of events) {
    const before = registers[register] ?? Buffer.alloc(48);
    registers[register] = createHash("sha384").update(before).update(digest, "hex").digest();
  }
  const [rtmr0, rtmr1, rtmr2, rtmr3] = registers.map((value) => value.toString("hex"));
  return { rtmr0: rtmr0 ?? "", rtmr1: rtmr1 ?? "", rtmr2: rtmr2 ?? "", rtmr3: rtmr3 ?? "" };
}
