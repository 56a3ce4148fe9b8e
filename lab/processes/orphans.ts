import { readFileSync, readdirSync } from "node:fs";
import { identityOf, stillRuns } from "../../src/adapters/processes/process-identity.ts";
import type { ProcessIdentity } from "../../src/adapters/processes/process-identity.ts";
import { serviceFiles } from "./pid-file.ts";

/**
 * A service's process carries in its environment what it is and who started it. So it is found also when no pid file
 * names it: its command was killed before it could write one, or somebody cleaned the checkout.
 */
const variable = "NEKO_TRUST_LAB_SERVICE";

/** The variable for a service that this process is about to start. */
export function serviceMark(name: string, runDirectory: string): Record<string, string> {
  const starter = identityOf(process.pid);
  const who = starter === undefined ? "" : `${starter.pid} ${starter.startTime} ${starter.boot}`;
  return { [variable]: `${who} ${serviceFiles(name, runDirectory).pidFile}` };
}

/** Processes of a service that lead a group and whose starter has gone; those of other users can't be seen. */
export function orphansOf(name: string, runDirectory: string): ProcessIdentity[] {
  const { pidFile } = serviceFiles(name, runDirectory);
  return readdirSync("/proc")
    .filter((entry) => /^[1-9][0-9]*$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid && isOrphan(pid, pidFile) && leadsGroup(pid))
    .flatMap((pid) => identityOf(pid) ?? []);
}

function isOrphan(pid: number, pidFile: string): boolean {
  const mark = read(`/proc/${pid}/environ`)
    .split("\0")
    .find((entry) => entry.startsWith(`${variable}=`));
  const [, starterPid, startTime, boot, path] =
    /^[^=]+=([0-9]+) ([0-9]+) ([0-9a-f-]{36}) (.+)$/s.exec(mark ?? "") ?? [];
  if (starterPid === undefined || startTime === undefined || boot === undefined || path !== pidFile) return false;
  // While its starter lives, that one is about to write the pid file, or to stop it.
  return Number(starterPid) !== process.pid && !stillRuns({ pid: Number(starterPid), startTime, boot });
}

/** What a service started itself has its mark too, and ends with its group. */
function leadsGroup(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  // proc_pid_stat(5): after the command in parentheses come state, parent and group.
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]) === pid;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
