import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../src/core/failure.ts";
import type { ProcessIdentity } from "../../src/adapters/processes/process-identity.ts";

const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Where a service's pid file and log lie. */
export interface ServiceFiles {
  readonly pidFile: string;
  readonly log: string;
}

/** `<run>/<name>.pid` and `<run>/<name>.log`; throws SERVICE_NAME_INVALID for a name that could leave the folder. */
export function serviceFiles(name: string, runDirectory: string): ServiceFiles {
  if (!namePattern.test(name)) {
    throw new Failure({
      code: "SERVICE_NAME_INVALID",
      kind: "usage",
      message: `"${name}" can't name a service.`,
      remedy: "Use lower-case letters, digits and dashes.",
    });
  }
  return { pidFile: join(runDirectory, `${name}.pid`), log: join(runDirectory, `${name}.log`) };
}

/** What a pid file says; undefined when it is absent or not one of ours (then it names nobody that we may stop). */
export function readPidFile(path: string): ProcessIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const match = /^([1-9][0-9]{0,9}) ([0-9]{1,20}) ([0-9a-f-]{36})\n$/.exec(text);
  const [, pid, startTime, boot] = match ?? [];
  if (pid === undefined || startTime === undefined || boot === undefined) return undefined;
  return { pid: Number(pid), startTime, boot };
}

/** Claims the pid file; false when another start has claimed it meanwhile. */
export function claimPidFile(path: string, identity: ProcessIdentity): boolean {
  try {
    writeFileSync(path, `${identity.pid} ${identity.startTime} ${identity.boot}\n`, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

export function removePidFile(path: string): void {
  rmSync(path, { force: true });
}
