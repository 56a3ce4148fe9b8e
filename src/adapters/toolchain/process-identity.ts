import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The kernel's clock ticks per second that /proc counts in (USER_HZ, 100 on every Linux architecture of today). */
const ticksPerSecond = 100;

/**
 * When a process started, in milliseconds since the epoch (exact to about a second), or undefined when there is no such
 * process. A pid alone says little, as pids are used again: together with its start it names one process.
 */
export function processStart(pid: number): number | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return process.platform === "linux" ? startFromProc(pid) : startFromPs(pid);
}

/** proc(5): field 22 of `/proc/<pid>/stat` is the start in ticks since boot, `btime` of `/proc/stat` the boot's second. */
function startFromProc(pid: number): number | undefined {
  const stat = readOrUndefined(`/proc/${pid}/stat`);
  const boot = /^btime (\d+)$/m.exec(readOrUndefined("/proc/stat") ?? "")?.[1];
  if (stat === undefined || boot === undefined) return undefined;
  // The second field is the command's name in parentheses and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Field 3: a zombie has ended; only its parent has not asked yet.
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  const ticks = Number(fields[19]);
  return Number.isFinite(ticks) ? Number(boot) * 1000 + (ticks * 1000) / ticksPerSecond : undefined;
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

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
