import { Failure } from "../../core/failure.ts";

/** Whether an error, or a line that a tool printed, says that a disk is full. */
export function saysDiskFull(fault: unknown): boolean {
  if (typeof fault === "string") return /no space left on device|disk quota exceeded/i.test(fault);
  return fault instanceof Error && "code" in fault && (fault.code === "ENOSPC" || fault.code === "EDQUOT");
}

/** The Failure for a full disk; `logFile` is where more may be read. */
export function diskFull(title: string, logFile: string): Failure {
  return new Failure({
    code: "DISK_FULL",
    kind: "unavailable",
    message: `There is no space left on the disk for ${title}; the log is in ${logFile}.`,
    remedy:
      "Free some space (a first build needs about 6 GB in Go's caches), or point NEKO_TRUST_CACHE, GOCACHE and GOTMPDIR to a larger disk, then try again.",
  });
}
