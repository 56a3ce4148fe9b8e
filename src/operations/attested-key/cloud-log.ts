import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { writeEntries } from "../../adapters/cloud-logging/write-entries.ts";
import { readMachine, readMachineToken } from "../../adapters/gce-metadata/read-machine.ts";
import type { MachineToken } from "../../adapters/gce-metadata/read-machine.ts";
import { Failure } from "../../core/failure.ts";
import { cloudLogRequest } from "../../core/signer-log.ts";
import type { LogEntry, LoggingMachine, TimedLogEntry } from "../../core/signer-log.ts";

export interface CloudLogOptions {
  readonly now: () => Date;
  /** Told once when the log can't be written to, and once when it can again: the machine's own log has it then. */
  readonly tell: (entry: LogEntry) => void;
  /** Ends waiting; what is left is for `close`. */
  readonly signal: AbortSignal;
  /** Google's servers unless given. */
  readonly metadataAddress?: string;
  readonly loggingAddress?: string;
}

/** The machine's way to tell: nothing can call it. */
export interface CloudLog {
  /** Takes an entry, and sends it as soon as it can; never throws, never waits. */
  readonly write: (entry: LogEntry) => void;
  /** Sends what is left, within five seconds. */
  readonly close: () => Promise<void>;
}

/** Of entries that wait: the newest are kept, as the heartbeat is what matters. */
const mostWaiting = 1000;
const mostAtOnce = 100;
const firstPause = 5000;
const mostPause = 60_000;
const closingMilliseconds = 5000;
/** A token that is about to end is not used. */
const tokenMarginMilliseconds = 60_000;

/** The log `neko-trust-signer` of this machine's project, written to as the machine's service account. */
export function openCloudLog(options: CloudLogOptions): CloudLog {
  const { now, tell } = options;
  const send = senderOf(options);
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  const waiting: TimedLogEntry[] = [];
  let sending: Promise<void> | undefined;
  let silentTries = 0;

  const sendFirst = async (ending: AbortSignal): Promise<void> => {
    const batch = waiting.slice(0, mostAtOnce);
    await send(batch, ending);
    // Meanwhile the oldest may have made place for newer ones.
    const sent = new Set(batch);
    waiting.splice(0, waiting.length, ...waiting.filter((one) => !sent.has(one)));
    if (silentTries > 0) tell({ level: "info", event: "log-sent-again" });
    silentTries = 0;
  };
  const sendAll = async (): Promise<void> => {
    const ended = (): boolean => signal.aborted;
    while (waiting.length > 0 && !ended()) {
      try {
        await sendFirst(signal);
      } catch (error) {
        if (ended()) return;
        if (!(error instanceof Failure)) throw error;
        if (silentTries === 0) tell({ level: "error", event: "log-unsent", code: error.code, message: error.message });
        const pause = Math.min(firstPause * 2 ** Math.min(silentTries, 10), mostPause);
        silentTries += 1;
        await sleep(pause, undefined, { signal }).catch(() => undefined);
      }
    }
  };
  return {
    write: (entry) => {
      if (waiting.length >= mostWaiting) waiting.shift();
      waiting.push({ at: now(), id: randomUUID(), entry });
      sending ??= sendAll().finally(() => {
        sending = undefined;
      });
    },
    close: async () => {
      closing.abort();
      await sending;
      const ending = AbortSignal.timeout(closingMilliseconds);
      while (waiting.length > 0) {
        try {
          await sendFirst(ending);
        } catch {
          return;
        }
      }
    },
  };
}

/** Sends a batch as this machine, whose name is asked for once, and its token whenever that ends. */
function senderOf({ now, metadataAddress, loggingAddress }: CloudLogOptions) {
  const from = metadataAddress === undefined ? {} : { address: metadataAddress };
  const to = loggingAddress === undefined ? {} : { address: loggingAddress };
  let machine: LoggingMachine | undefined;
  let held: { readonly token: MachineToken["token"]; readonly until: number } | undefined;
  return async (batch: readonly TimedLogEntry[], signal: AbortSignal): Promise<void> => {
    machine ??= await readMachine({ ...from, signal });
    if (held === undefined || held.until <= now().getTime()) {
      const { token, lifeSeconds } = await readMachineToken({ ...from, signal });
      held = { token, until: now().getTime() + lifeSeconds * 1000 - tokenMarginMilliseconds };
    }
    const { token } = held;
    try {
      await writeEntries({ ...to, token, request: cloudLogRequest(machine, batch), signal });
    } catch (error) {
      // It may be the token that was refused.
      held = undefined;
      throw error;
    }
  };
}
