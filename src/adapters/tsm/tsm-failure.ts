import { Failure, reasonOf } from "../../core/failure.ts";
import type { FailureKind } from "../../core/failure.ts";

/** Why a trust domain gave no evidence; one code per cause that is told apart. */
export type TsmFailureCode =
  /** No configfs-tsm: not a confidential guest, a kernel before 6.7, or configfs is not mounted. */
  | "TSM_ABSENT"
  /** This user may not ask for reports. */
  | "TSM_FORBIDDEN"
  /** Reports come from another technology than TDX. */
  | "TSM_PROVIDER"
  /** Not 64 bytes of report data. */
  | "TSM_REPORT_DATA_SIZE"
  /** Somebody else wrote to the same report while it was made. */
  | "TSM_RACE"
  /** A request that was given up earlier still occupies the host. */
  | "TSM_BUSY"
  /** The host gave more than the kernel takes, or than a quote can have. */
  | "TSM_TOO_LARGE"
  /** The host has no quoting service that this guest reaches. */
  | "TSM_NO_QUOTING_SERVICE"
  /** The host's quoting service failed. */
  | "TSM_QUOTING_FAILED"
  /** No quote in time. */
  | "TSM_TIMEOUT"
  /** The kernel kept the report's folder. */
  | "TSM_NOT_REMOVED"
  /** No event log, or one that is none of TDX. */
  | "TSM_EVENT_LOG"
  /** The kernel does not tell registers (before 6.16), or tells something else than registers. */
  | "TSM_REGISTERS"
  /** Something extended RTMR3 after the boot. */
  | "TSM_RTMR3_EXTENDED";

const remedies: Readonly<Record<TsmFailureCode, readonly [FailureKind, string]>> = {
  TSM_ABSENT: ["usage", "Run it in a TDX guest with Linux 6.7 or newer and configfs mounted at /sys/kernel/config."],
  TSM_FORBIDDEN: ["usage", "Run it as the user whom the image lets ask for reports."],
  TSM_PROVIDER: ["usage", "Run it in a TDX guest; other technologies' reports are of no use here."],
  TSM_REPORT_DATA_SIZE: ["usage", "Give exactly 64 bytes."],
  TSM_RACE: ["unavailable", "Try again; find out what else writes to reports of this name."],
  TSM_BUSY: ["unavailable", "Try again later; if it stays so, restart the machine."],
  TSM_TOO_LARGE: [
    "unavailable",
    "Ask the cloud's operator: its quoting service answers with something else than a quote.",
  ],
  TSM_NO_QUOTING_SERVICE: ["unavailable", "Ask the cloud's operator whether this host has a TDX quoting service."],
  TSM_QUOTING_FAILED: ["unavailable", "Try again; the kernel's log (dmesg) has the host's status."],
  TSM_TIMEOUT: ["unavailable", "Try again; the host's quoting service is slow or hangs."],
  TSM_NOT_REMOVED: ["unavailable", "Remove the folder by hand (rmdir), and report what kept it."],
  TSM_EVENT_LOG: ["usage", "Boot a firmware that hands a TDX event log over (ACPI table CCEL)."],
  TSM_REGISTERS: ["usage", "Use Linux 6.16 or newer in the image: it shows the registers."],
  TSM_RTMR3_EXTENDED: ["refused", "Boot the machine anew from its image; nothing in it may extend RTMR3."],
};

export function tsmFailure(code: TsmFailureCode, message: string, cause?: unknown): Failure {
  const [kind, remedy] = remedies[code];
  return new Failure({ code, kind, message, remedy }, { cause });
}

/**
 * What the system's error means for a report (drivers/virt/coco/guest/report.c, tdx-guest.c); one that means nothing in
 * particular (ENOMEM, EMFILE) is a quote that failed all the same. What is no system error is given back: a Failure, or a bug.
 * `reports` is the folder of reports where it may be that which is absent: a log has no room for the remedy.
 */
export function reportFailure(error: unknown, reports?: string): unknown {
  const code = errnoOf(error);
  if (error instanceof Failure || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  if (reports !== undefined && (code === "ENOENT" || code === "ENOTDIR"))
    return tsmFailure("TSM_ABSENT", `There is no ${reports} here (${code}).`, error);
  const [meant, words] = meanings[code] ?? ["TSM_QUOTING_FAILED", `The system made no quote: ${reasonOf(error)}`];
  return tsmFailure(meant, `${words} (${code}).`, error);
}

const meanings: Readonly<Record<string, readonly [TsmFailureCode, string]>> = {
  ENOENT: ["TSM_ABSENT", "There are no reports here"],
  ENOTDIR: ["TSM_ABSENT", "There are no reports here"],
  ENODEV: ["TSM_ABSENT", "The kernel has no provider of reports"],
  EACCES: ["TSM_FORBIDDEN", "The kernel lets this user make no report"],
  EPERM: ["TSM_FORBIDDEN", "The kernel lets this user make no report"],
  EROFS: ["TSM_FORBIDDEN", "The kernel's configfs can't be written to"],
  EBUSY: ["TSM_BUSY", "An earlier request for a quote still occupies the host"],
  EFBIG: ["TSM_TOO_LARGE", "The host gave more than a quote can have"],
  ENXIO: ["TSM_NO_QUOTING_SERVICE", "The host has no quoting service for this guest"],
  EIO: ["TSM_QUOTING_FAILED", "The host's quoting service failed"],
  EINVAL: ["TSM_QUOTING_FAILED", "The kernel refused the request for a quote"],
  ETIMEDOUT: ["TSM_TIMEOUT", "The host gave no quote in time"],
  EINTR: ["TSM_TIMEOUT", "Waiting for the quote was interrupted"],
  EWOULDBLOCK: ["TSM_RACE", "The report was changed while it was made"],
  EAGAIN: ["TSM_RACE", "The report was changed while it was made"],
};

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
