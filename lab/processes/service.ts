import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../src/core/failure.ts";
import { orphansOf, serviceMark } from "./orphans.ts";
import { claimPidFile, readPidFile, removePidFile, serviceFiles } from "./pid-file.ts";
import type { ServiceFiles } from "./pid-file.ts";
import { identityOf, stillRuns } from "../../src/adapters/processes/process-identity.ts";
import type { ProcessIdentity } from "../../src/adapters/processes/process-identity.ts";

/** A process that outlives the command that started it. */
export interface ServiceSpecification {
  /** Lower-case letters, digits and dashes: names the pid file and the log. */
  readonly name: string;
  /** Absolute path of the executable. */
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment, but for the mark by which an orphan is found: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** Pid file and log go here; also the working directory. Made when absent. */
  readonly runDirectory: string;
  /** Asked every 50 ms until it says true; a rejection counts as "not yet". */
  readonly ready: () => Promise<boolean>;
  readonly timeoutMilliseconds: number;
}

export interface StartedService {
  readonly pid: number;
  readonly log: string;
  /** False when the service ran already. */
  readonly started: boolean;
}

export type ServiceStatus =
  | { readonly state: "running"; readonly pid: number; readonly log: string }
  | { readonly state: "stopped"; readonly log: string };

const pollMilliseconds = 50;
const defaultTerminateMilliseconds = 10_000;

/** Whether the service runs. A pid file whose process has gone is removed. */
export function serviceStatus(name: string, runDirectory: string): ServiceStatus {
  const files = serviceFiles(name, runDirectory);
  const identity = runningIdentity(files);
  return identity === undefined
    ? { state: "stopped", log: files.log }
    : { state: "running", pid: identity.pid, log: files.log };
}

/**
 * Starts a detached process and waits until it is ready; one that runs already is only waited for. Throws
 * SERVICE_FAILED (it ended, or was not ready in time) or PORT_TAKEN; nothing is left running then.
 */
export async function startService(specification: ServiceSpecification): Promise<StartedService> {
  const files = serviceFiles(specification.name, specification.runDirectory);
  mkdirSync(specification.runDirectory, { recursive: true });
  const running = runningIdentity(files);
  if (running !== undefined) {
    await untilReady(specification, files, running, { ended: undefined });
    return { pid: running.pid, log: files.log, started: false };
  }
  await endOrphans(specification.name, specification.runDirectory);
  const { identity, fate } = await launch(specification, files);
  if (!claimPidFile(files.pidFile, identity)) {
    await terminate(identity);
    throw failure(specification.name, files, "was started by another command at the same moment", []);
  }
  try {
    await untilReady(specification, files, identity, fate);
  } catch (error) {
    await terminate(identity);
    removePidFile(files.pidFile);
    throw error;
  }
  return { pid: identity.pid, log: files.log, started: true };
}

/**
 * Ends processes of a service that no pid file names (see orphans.ts): they may hold its port or its state. Call it
 * before ports are chosen.
 */
export async function endOrphans(name: string, runDirectory: string): Promise<void> {
  const named = runningIdentity(serviceFiles(name, runDirectory))?.pid;
  for (const orphan of orphansOf(name, runDirectory)) if (orphan.pid !== named) await terminate(orphan);
}

/**
 * Stops the service and waits until it has gone; false when none ran. Its process group gets SIGTERM, and SIGKILL when
 * it still runs after the time given.
 */
export async function stopService(
  name: string,
  runDirectory: string,
  terminateMilliseconds = defaultTerminateMilliseconds,
): Promise<boolean> {
  const files = serviceFiles(name, runDirectory);
  const identity = runningIdentity(files);
  const running = [...(identity === undefined ? [] : [identity]), ...orphansOf(name, runDirectory)];
  for (const each of running) await terminate(each, terminateMilliseconds);
  removePidFile(files.pidFile);
  return running.length > 0;
}

function runningIdentity(files: ServiceFiles): ProcessIdentity | undefined {
  if (!existsSync(files.pidFile)) return undefined;
  const identity = readPidFile(files.pidFile);
  if (identity !== undefined && stillRuns(identity)) return identity;
  removePidFile(files.pidFile);
  return undefined;
}

/** How a process that we started ended, as soon as it did. */
interface Fate {
  ended: string | undefined;
}

async function launch(
  specification: ServiceSpecification,
  files: ServiceFiles,
): Promise<{ identity: ProcessIdentity; fate: Fate }> {
  const fate: Fate = { ended: undefined };
  // Truncated: what the log says is about this start, which the message of a failure relies on.
  const log = openSync(files.log, "w", 0o600);
  const child = spawn(specification.command, specification.args, {
    cwd: specification.runDirectory,
    env: { ...specification.environment, ...serviceMark(specification.name, specification.runDirectory) },
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  child.unref();
  const spawned = Promise.withResolvers<undefined>();
  child.once("spawn", () => {
    spawned.resolve(undefined);
  });
  child.once("error", (error) => {
    fate.ended = `could not be started: ${error.message}`;
    spawned.resolve(undefined);
  });
  child.once("exit", (code, signal) => {
    fate.ended = signal === null ? `ended with exit code ${code ?? "unknown"}` : `was ended by ${signal}`;
  });
  await spawned.promise;
  const identity = child.pid === undefined ? undefined : identityOf(child.pid);
  if (identity !== undefined) return { identity, fate };
  throw failure(specification.name, files, fate.ended ?? "ended at once", lastLines(files.log));
}

async function untilReady(
  specification: ServiceSpecification,
  files: ServiceFiles,
  identity: ProcessIdentity,
  fate: Fate,
): Promise<void> {
  const deadline = performance.now() + specification.timeoutMilliseconds;
  while (performance.now() < deadline) {
    if (!stillRuns(identity)) {
      // The exit event, which tells how it ended, may come a moment after the process has gone.
      await sleep(pollMilliseconds);
      throw failure(specification.name, files, fate.ended ?? "ended", lastLines(files.log));
    }
    const ready = await specification.ready().catch(() => false);
    await sleep(pollMilliseconds);
    // Another program on our port may have answered: only a service that still runs is ready.
    if (ready && stillRuns(identity)) return;
  }
  const seconds = (specification.timeoutMilliseconds / 1000).toFixed(1);
  throw failure(specification.name, files, `was not ready after ${seconds} s`, lastLines(files.log));
}

async function terminate(identity: ProcessIdentity, milliseconds = defaultTerminateMilliseconds): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!stillRuns(identity)) return;
    signalGroup(identity.pid, signal);
    const deadline = performance.now() + milliseconds;
    while (stillRuns(identity) && performance.now() < deadline) await sleep(pollMilliseconds);
  }
  if (!stillRuns(identity)) return;
  throw new Failure({
    code: "SERVICE_NOT_STOPPED",
    kind: "unavailable",
    message: `Process ${identity.pid} still runs after SIGKILL.`,
    remedy: `Look at it with "ps -o pid,stat,wchan,args -p ${identity.pid}"; it may hang in the kernel.`,
  });
}

/** A detached child leads its own process group, so the negative pid reaches what it started too. */
function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function lastLines(path: string, count = 10): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-count)
    .map((line) => line.slice(0, 400));
}

function failure(name: string, files: ServiceFiles, what: string, lines: readonly string[]): Failure {
  const taken = lines.find((line) => /address already in use|EADDRINUSE/i.test(line));
  if (taken !== undefined) {
    return new Failure({
      code: "PORT_TAKEN",
      kind: "unavailable",
      message: `Service "${name}" can't listen: another program has its port.`,
      remedy:
        'Stop that program ("ss -ltnp" shows who listens), or run "make down" and start again: other ports are chosen.',
      details: [taken, `log: ${files.log}`],
    });
  }
  return new Failure({
    code: "SERVICE_FAILED",
    kind: "unavailable",
    message: `Service "${name}" ${what}.`,
    remedy: `Read its log, ${files.log}, mend what it says and start again.`,
    details: lines,
  });
}
