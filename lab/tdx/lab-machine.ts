import { createHash } from "node:crypto";
import type { TdMeasurements } from "../../src/core/tdx/contract.ts";
import { replayEventLog } from "../../src/core/tdx/event-log.ts";
import { efiActions, eventTypes } from "../../src/core/tdx/event-type.ts";
import { signerDisk } from "../sample-release/signer-disk.ts";
import { writeEventLog } from "./event-log-writer.ts";
import type { EventToWrite } from "./event-log-writer.ts";

/** What the lab's simulated machine measured when it "booted" the signer's disk: a log, and the registers that it replays to. */
export interface LabMachine {
  readonly eventLog: Uint8Array;
  readonly measurements: TdMeasurements;
}

const text = (value: string): Uint8Array => Buffer.from(value, "latin1");

/** A firmware's separator (TCG PC Client Platform Firmware Profile, section 10.4.1). */
const separator = (register: EventToWrite["register"]): EventToWrite => {
  return { register, type: eventTypes.separator, data: Buffer.alloc(4) };
};

/** The machine that booted these bytes: another disk gives another RTMR1. */
export function labMachine(disk: Uint8Array = signerDisk()): LabMachine {
  const image = createHash("sha384").update(disk).digest("hex");
  const eventLog = writeEventLog([
    { register: 0, type: eventTypes.efiVariableDriverConfig, data: text("NEKO-LAB SecureBoot") },
    separator(0),
    { register: 1, type: eventTypes.efiAction, data: text(efiActions.callingApplication) },
    separator(1),
    { register: 1, type: eventTypes.efiBootServicesApplication, data: text("NEKO-LAB UKI"), digest: image },
    { register: 1, type: eventTypes.efiAction, data: text(efiActions.exitBootServices) },
    { register: 1, type: eventTypes.efiAction, data: text(efiActions.exitBootServicesDone) },
    { register: 2, type: eventTypes.eventTag, data: text("NEKO-LAB command line") },
  ]);
  const replayed = replayEventLog(eventLog);
  if (!replayed.ok) throw new Error(`the lab's event log does not replay: ${replayed.faults[0].code}`);
  const mrtd = createHash("sha384").update("NEKO-LAB firmware").digest("hex");
  return { eventLog, measurements: { mrtd, ...replayed.log.registers } };
}
