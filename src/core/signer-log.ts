import type { Failure } from "./failure.ts";

/** What the signer's service logs, and what watches it: both go by the names that are here. */

/** One line of the service's log: plain values, no secret, written as JSON. */
export interface LogEntry {
  readonly level: "info" | "warning" | "error";
  readonly event: string;
  readonly [detail: string]: string | number | boolean | readonly string[];
}

/** A Failure's words hold no secret; how many of its details are logged is bounded, as evidence is anybody's. */
export function wordsOf({ code, message, details }: Failure): {
  readonly code: string;
  readonly message: string;
  readonly details: readonly string[];
} {
  return { code, message, details: details.slice(0, 10).map((line) => line.slice(0, 500)) };
}

/** The entry of a service that can't go on: at its start, or until what `where` names is mended. */
export function downEntry(failure: Failure, where: { readonly repository?: string } = {}): LogEntry {
  return { level: "error", event: "down", ...where, ...wordsOf(failure) };
}

/** The log of Cloud Logging that the machines write to. */
export const signerLog = "neko-trust-signer";

/** The event of a machine that has just proved that it is attested: the heartbeat that the alert counts. */
export const attestedEvent = "attested";

/** What the log says of a machine of Compute Engine (the monitored resource `gce_instance`). */
export interface LoggingMachine {
  readonly project: string;
  /** Compute Engine's numeric id. */
  readonly instanceId: string;
  readonly zone: string;
}

/** An entry with when it was made, and an id by which the log knows it when it is sent twice. */
export interface TimedLogEntry {
  readonly at: Date;
  readonly id: string;
  readonly entry: LogEntry;
}

/** The entry as a line of standard error. */
export function logLine(at: Date, entry: LogEntry): string {
  return JSON.stringify({ time: at.toISOString(), ...entry });
}

/** The filter of the entries that tell of an attested signer (Cloud Logging, "Logging query language"). */
export function attestedFilter(project: string): string {
  return ['resource.type="gce_instance"', `logName="${logName(project)}"`, `jsonPayload.event="${attestedEvent}"`].join(
    " AND ",
  );
}

const logName = (project: string): string => `projects/${project}/logs/${signerLog}`;
const severities = { info: "INFO", warning: "WARNING", error: "ERROR" } as const;

/** The body of a request that writes them (Cloud Logging API v2, entries.write). */
export function cloudLogRequest({ project, instanceId, zone }: LoggingMachine, entries: readonly TimedLogEntry[]) {
  return {
    logName: logName(project),
    resource: { type: "gce_instance", labels: { project_id: project, instance_id: instanceId, zone } },
    entries: entries.map(({ at, id, entry: { level, ...payload } }) => ({
      timestamp: at.toISOString(),
      insertId: id,
      severity: severities[level],
      jsonPayload: payload,
    })),
  };
}
