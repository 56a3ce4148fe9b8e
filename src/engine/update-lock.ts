import { readFile, readdir, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processStart } from "../adapters/processes/process-identity.ts";
import { Failure } from "../core/failure.ts";
import { lockFolder } from "./file-backend.ts";

/** An update's lock as the engine's file backend writes it (pkg/backend/diy/lock.go: one JSON file per holder). */
export interface UpdateLock {
  readonly file: string;
  readonly pid: number;
  readonly user: string;
  readonly host: string;
  /** When the lock was taken, in milliseconds since the epoch. */
  readonly taken: number;
}

/** A file in the lock folder that a process left half-written. */
interface Fragment {
  readonly file: string;
  readonly written: number;
}

export interface ReleaseOptions {
  /** The folder of the file backend. */
  readonly backend: string;
  readonly project: string;
  readonly stack: string;
  /** How long to wait for a process of this host that still lives: an engine whose caller was killed ends by itself. */
  readonly waitMilliseconds: number;
  readonly note: (message: string) => void;
  readonly signal: AbortSignal;
}

/** The file is written in one go: one that can't be read after this time has no writer any more. */
const fragmentMilliseconds = 5_000;

/**
 * Removes the locks of a stack whose process is gone from this host; a lock from another host, or of a process that
 * lives on, is respected.
 * @throws Failure STACK_LOCKED
 */
export async function releaseDeadLocks(options: ReleaseOptions): Promise<void> {
  const folder = lockFolder(options.backend, options.project, options.stack);
  const begin = Date.now();
  let told = false;
  for (;;) {
    const { locks, fragments } = await readLocks(folder);
    const living = locks.filter((lock) => !isDead(lock));
    for (const lock of locks.filter(isDead)) {
      await remove(lock.file);
      options.note(`removed the lock of process ${lock.pid}, which was killed during an earlier update`);
    }
    const fresh = fragments.filter((fragment) => Date.now() - fragment.written < fragmentMilliseconds);
    for (const fragment of fragments.filter((each) => !fresh.includes(each))) await remove(fragment.file);

    if (living.length === 0 && fresh.length === 0) return;
    const foreign = living.find((lock) => lock.host !== hostname());
    if (foreign !== undefined) throw stackLocked(options.stack, foreign);
    const holder = living[0];
    const waited = Date.now() - begin;
    if (holder !== undefined && waited >= options.waitMilliseconds) throw stackLocked(options.stack, holder);
    if (holder !== undefined && !told) {
      options.note(`waiting for process ${holder.pid}, which is updating the stack`);
      told = true;
    }
    if (options.signal.aborted) return;
    await sleep(150);
  }
}

/** The Failure for a stack that somebody else is updating. */
export function stackLocked(stack: string, lock: UpdateLock | undefined): Failure {
  const elsewhere = lock !== undefined && lock.host !== hostname();
  const who =
    lock === undefined
      ? "another update"
      : `process ${lock.pid} of ${lock.user}@${lock.host} since ${new Date(lock.taken).toISOString()}`;
  return new Failure({
    code: "STACK_LOCKED",
    kind: "unavailable",
    message: `The stack "${stack}" is being updated by ${who}.`,
    remedy: elsewhere
      ? `Wait for that update. If that host is gone for good, remove ${lock.file} and try again.`
      : "Wait for that update to end, or interrupt it, then try again.",
  });
}

function isDead(lock: UpdateLock): boolean {
  if (lock.host !== hostname()) return false;
  const started = processStart(lock.pid);
  // A process that started after the lock was taken has the holder's number only. The start is exact to about a second.
  return started === undefined || started > lock.taken + 5_000;
}

async function readLocks(folder: string): Promise<{ locks: UpdateLock[]; fragments: Fragment[] }> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  const locks: UpdateLock[] = [];
  const fragments: Fragment[] = [];
  // `.attrs` files are the backend's own notes about a file, and go with it.
  for (const file of names.filter((name) => !name.endsWith(".attrs")).map((name) => join(folder, name))) {
    try {
      const lock = parseLock(file, await readFile(file, "utf8"));
      if (lock !== undefined) locks.push(lock);
      else fragments.push({ file, written: (await stat(file)).mtimeMs });
    } catch (error) {
      // It was released between the listing and the reading.
      if (!isAbsent(error)) throw error;
    }
  }
  return { locks, fragments };
}

function parseLock(file: string, text: string): UpdateLock | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { pid, username, hostname: host, timestamp } = value as Record<string, unknown>;
  const taken = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
  if (typeof pid !== "number" || typeof host !== "string" || Number.isNaN(taken)) return undefined;
  return { file, pid, host, taken, user: typeof username === "string" ? username : "unknown" };
}

async function remove(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(`${file}.attrs`, { force: true });
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
