import { execFileSync } from "node:child_process";
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

/** The kernel's clock ticks per second that /proc counts in (USER_HZ, 100 on every Linux architecture of today). */
const ticksPerSecond = 100;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Start of a process that runs, in ticks since boot, as text; undefined when there is none. */
function startTicks(pid: number): string | undefined {
  const stat = Number.isSafeInteger(pid) && pid > 0 ? read(`/proc/${pid}/stat`) : undefined;
  if (stat === undefined) return undefined;
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  const threads = fields[17];
  // A killed process is a zombie as soon as its first thread is; its sockets are open until the last one has ended.
  const ended = state === "X" || (state === "Z" && threads === "1");
  return ended ? undefined : fields[19];
}

/** The identity of a process that runs now, or undefined when there is none (a zombie counts as none). Linux only. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const startTime = startTicks(pid);
  const boot = read("/proc/sys/kernel/random/boot_id")?.trim();
  return startTime === undefined || boot === undefined ? undefined : { pid, startTime, boot };
}

/** Whether exactly this process, not a later one with its pid, still runs. */
export function stillRuns(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.boot === identity.boot;
}

/**
 * When a process started, in milliseconds since the epoch (exact to about a second, comparable with time stamps of
 * files and locks), or undefined when there is no such process.
 */
export function processStart(pid: number): number | undefined {
  if (process.platform !== "linux") return startFromPs(pid);
  const ticks = Number(startTicks(pid));
  const boot = /^btime (\d+)$/m.exec(read("/proc/stat") ?? "")?.[1];
  return boot === undefined || !Number.isFinite(ticks)
    ? undefined
    : Number(boot) * 1000 + (ticks * 1000) / ticksPerSecond;
}

function startFromPs(pid: number): number | undefined {
  try {
    const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const start = Date.parse(text.trim());
    return Number.isNaN(start) ? undefined : start;
  } catch {
    return undefined;
  }
}
