import { randomUUID } from "node:crypto";
import { link, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processStart } from "../processes/process-identity.ts";

interface Holder {
  readonly pid: number;
  /** The holder's start in milliseconds: tells it from a later process with the same pid. */
  readonly started: number;
  readonly token: string;
}

export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Called when the wait begins, then every `reportMilliseconds`. */
  readonly onWait: (holderPid: number, waitedMilliseconds: number) => void;
  readonly reportMilliseconds: number;
}

/**
 * Takes the lock `file`, waiting for as long as the process that holds it lives; a lock whose process has gone is
 * removed. Returns the function that releases it. The lock spares double work and is not what keeps a build whole:
 * that is the rename at its end, so a rare race between two that remove the same dead lock costs time only.
 */
export async function takeLock(file: string, options: LockOptions): Promise<() => Promise<void>> {
  const own: Holder = { pid: process.pid, started: processStart(process.pid) ?? 0, token: randomUUID() };
  const draft = `${file}.${own.token}`;
  await writeFile(draft, JSON.stringify(own));
  try {
    const begin = Date.now();
    let reported = -Infinity;
    while (!(await linked(draft, file))) {
      const holder = await readHolder(file);
      if (holder === "gone") continue;
      if (holder === "malformed" || !isAlive(holder)) {
        await removeDead(file, own.token);
        continue;
      }
      if (Date.now() - reported >= options.reportMilliseconds) {
        options.onWait(holder.pid, Date.now() - begin);
        reported = Date.now();
      }
      await sleep(200, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  } finally {
    await rm(draft, { force: true });
  }
  return async () => {
    const holder = await readHolder(file);
    if (typeof holder === "object" && holder.token === own.token) await rm(file, { force: true });
  };
}

/** Removes the drafts of processes that were killed while they waited for the lock `file`. */
export async function removeDeadDrafts(file: string): Promise<void> {
  for (const name of (await readdir(dirname(file))).filter((each) => each.startsWith(`${basename(file)}.`))) {
    const draft = join(dirname(file), name);
    const holder = await readHolder(draft);
    if (holder === "malformed" || (typeof holder === "object" && !isAlive(holder))) await rm(draft, { force: true });
  }
}

/** link(2) fails when the target exists, and what it makes is whole: nobody sees an empty lock. */
async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

async function removeDead(file: string, token: string): Promise<void> {
  const aside = `${file}.dead.${token}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  const holder = await readHolder(aside);
  // Somebody was quicker and this is already the next holder's lock: give it back.
  if (typeof holder === "object" && isAlive(holder)) await linked(aside, file);
  await rm(aside, { force: true });
}

function isAlive(holder: Holder): boolean {
  const started = processStart(holder.pid);
  // Both values come from the same source, but the boot time that they rest on may be adjusted by a second or two.
  return started !== undefined && Math.abs(started - holder.started) < 5_000;
}

async function readHolder(file: string): Promise<Holder | "gone" | "malformed"> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return isHolder(value) ? value : "malformed";
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "gone";
    if (error instanceof SyntaxError) return "malformed";
    throw error;
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== "object" || value === null) return false;
  const { pid, started, token } = value as Record<string, unknown>;
  return typeof pid === "number" && typeof started === "number" && typeof token === "string";
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
