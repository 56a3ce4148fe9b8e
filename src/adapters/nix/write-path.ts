import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { pathFailure, systemFailure } from "./path-failure.ts";
import { readLargeFile } from "./read-large-file.ts";
import type { Dirent, Stats } from "node:fs";
import type { NarWriter } from "../../core/nix/nar-writer.ts";

/**
 * Writes what lies on disk into an archive.
 *
 * Paths are kept as bytes in a string, one code unit per byte (`latin1`): a Linux file name need not be UTF-8, and
 * comparing such strings compares bytes, which is the archive's order.
 *
 * Small files are read with synchronous calls: for them an asynchronous read costs three times the read itself. The
 * event loop gets a turn every few milliseconds, so that signals and timers still work.
 */
type BytePath = string;

interface Walk {
  readonly writer: NarWriter;
  readonly signal: AbortSignal | undefined;
  readonly buffer: Buffer;
  /** When the event loop last had a turn, by the monotonic clock. */
  lastTurn: number;
}

/** Files up to this size are read in one call into one buffer that is used again. */
const smallFile = 1024 * 1024;
const turnMilliseconds = 8;

/** O_NOFOLLOW: a file that was swapped for a link is a change. O_NONBLOCK: opening a pipe must not wait for a writer. */
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export async function writePath(writer: NarWriter, path: string, signal?: AbortSignal): Promise<void> {
  const walk: Walk = { writer, signal, buffer: Buffer.allocUnsafeSlow(smallFile + 1), lastTurn: performance.now() };
  signal?.throwIfAborted();
  const root = Buffer.from(path, "utf8").toString("latin1");
  await writeNode(
    walk,
    root,
    attempt(root, false, () => lstatSync(systemPath(root))),
    false,
  );
}

type Kind = Pick<Dirent | Stats, "isFile" | "isDirectory" | "isSymbolicLink">;

async function writeNode(walk: Walk, path: BytePath, kind: Kind, listed: boolean): Promise<void> {
  if (performance.now() - walk.lastTurn > turnMilliseconds) {
    await setImmediate();
    walk.signal?.throwIfAborted();
    walk.lastTurn = performance.now();
  }
  if (kind.isFile()) {
    const large = writeFile(walk, path, listed);
    if (large !== undefined) await large;
  } else if (kind.isDirectory()) {
    await writeDirectory(walk, path, listed);
  } else if (kind.isSymbolicLink()) {
    const target = attempt(path, listed, () => readlinkSync(systemPath(path), "latin1"));
    walk.writer.symlink(Buffer.from(target, "latin1"));
  } else {
    throw pathFailure("PATH_UNSUPPORTED", `${shown(path)} is neither a file nor a folder nor a symbolic link.`);
  }
}

async function writeDirectory(walk: Walk, path: BytePath, listed: boolean): Promise<void> {
  const before = attempt(path, listed, () => lstatSync(systemPath(path)));
  const entries = attempt(path, listed, () =>
    readdirSync(systemPath(path), { encoding: "latin1", withFileTypes: true }),
  );
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  walk.writer.startDirectory();
  for (const entry of entries) {
    walk.writer.entry(isAscii(entry.name) ? entry.name : Buffer.from(entry.name, "latin1"));
    await writeNode(walk, `${path}/${entry.name}`, entry, true);
  }
  walk.writer.endDirectory();
  requireUnchanged(
    before,
    attempt(path, true, () => lstatSync(systemPath(path))),
    path,
  );
}

/** Writes a small file at once; returns a promise only for a large one, as awaiting each small one would cost more than reading it. */
function writeFile(walk: Walk, path: BytePath, listed: boolean): Promise<void> | undefined {
  const descriptor = attempt(path, listed, () => openSync(systemPath(path), openFlags));
  let handedOver = false;
  try {
    const before = fstatSync(descriptor);
    if (!before.isFile()) throw pathFailure("PATH_CHANGED", `${shown(path)} was replaced while it was read.`);
    walk.writer.startFile({ executable: (before.mode & constants.S_IXUSR) !== 0, size: before.size });
    if (before.size > smallFile) {
      handedOver = true;
      return writeLargeFile(walk, path, descriptor, before).finally(() => {
        closeSync(descriptor);
      });
    }
    // One byte more than the size is asked for, so that a file that grew shows it.
    let read = 0;
    for (;;) {
      const start = read;
      const count = attempt(path, true, () => readSync(descriptor, walk.buffer, start, before.size + 1 - start, start));
      read += count;
      if (count === 0 || read >= before.size) break;
    }
    requireSize(read, before, path);
    requireUnchanged(before, fstatSync(descriptor), path);
    walk.writer.contents(walk.buffer.subarray(0, read));
    walk.writer.endFile();
    return undefined;
  } finally {
    if (!handedOver) closeSync(descriptor);
  }
}

async function writeLargeFile(walk: Walk, path: BytePath, descriptor: number, before: Stats): Promise<void> {
  let read = 0;
  try {
    for await (const chunk of readLargeFile(descriptor)) {
      walk.signal?.throwIfAborted();
      read += chunk.length;
      if (read > before.size) break;
      walk.writer.contents(chunk);
    }
  } catch (error) {
    throw systemFailure(error, shown(path), true);
  }
  requireSize(read, before, path);
  requireUnchanged(before, fstatSync(descriptor), path);
  walk.writer.endFile();
  walk.lastTurn = performance.now();
}

function requireSize(read: number, before: Stats, path: BytePath): void {
  if (read === before.size) return;
  throw pathFailure(
    "PATH_CHANGED",
    `${shown(path)} had ${before.size} bytes, then ${read > before.size ? "more" : read}.`,
  );
}

function requireUnchanged(before: Stats, after: Stats, path: BytePath): void {
  const same =
    before.ino === after.ino &&
    before.dev === after.dev &&
    before.size === after.size &&
    before.mtimeMs === after.mtimeMs &&
    before.ctimeMs === after.ctimeMs;
  if (!same) throw pathFailure("PATH_CHANGED", `${shown(path)} changed while it was read.`);
}

function attempt<T>(path: BytePath, listed: boolean, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemFailure(error, shown(path), listed);
  }
}

/** Text for names of ASCII alone, which Node passes on faster; bytes for the others. */
function systemPath(path: BytePath): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, "latin1");
}

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}

function shown(path: BytePath): string {
  return Buffer.from(path, "latin1").toString("utf8");
}
