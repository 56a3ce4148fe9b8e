import { readFileSync } from "node:fs";

/**
 * Which process a pid means. Linux reuses pids, so a pid alone must never be signalled: the start time (field 22 of
 * /proc/<pid>/stat, in clock ticks since boot; proc_pid_stat(5)) and the boot id tell two bearers of a pid apart.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, as the kernel writes them. */
  readonly startTime: string;
  /** /proc/sys/kernel/random/boot_id: changes with every boot. */
  readonly boot: string;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** The identity of a process that runs now, or undefined when there is none (a zombie counts as none). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const boot = read("/proc/sys/kernel/random/boot_id")?.trim();
  if (stat === undefined || boot === undefined) return undefined;
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  const threads = fields[17];
  const startTime = fields[19];
  // A killed process is a zombie as soon as its first thread is; its sockets are open until the last one has ended.
  const ended = state === "X" || (state === "Z" && threads === "1");
  if (startTime === undefined || ended) return undefined;
  return { pid, startTime, boot };
}

/** Whether exactly this process, not a later one with its pid, still runs. */
export function stillRuns(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.boot === identity.boot;
}
