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
  /** A file whose inode changed last before this time, in milliseconds since 1970, has not changed since the walk began. */
  readonly settledBefore: number;
  /** When the event loop last had a turn, by the monotonic clock. */
  lastTurn: number;
}

/** Files up to this size are read in one call into one buffer that is used again. */
const smallFile = 1024 * 1024;
const turnMilliseconds = 8;

/** File systems stamp with the kernel's coarse clock, which is a tick late: 10 ms at most, on Linux at 100 Hz. */
const clockMilliseconds = 20;

/** O_NOFOLLOW: a file that was swapped for a link is a change. O_NONBLOCK: opening a pipe must not wait for a writer. */
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export async function writePath(writer: NarWriter, path: string, signal?: AbortSignal): Promise<void> {
  const walk: Walk = {
    writer,
    signal,
    buffer: Buffer.allocUnsafeSlow(smallFile + 1),
    settledBefore: Date.now() - clockMilliseconds,
    lastTurn: performance.now(),
  };
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
  if (isTurn(walk)) {
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

/** Whether the event loop must have a turn. */
function isTurn(walk: Walk): boolean {
  return performance.now() - walk.lastTurn > turnMilliseconds;
}

async function writeDirectory(walk: Walk, path: BytePath, listed: boolean): Promise<void> {
  const before = attempt(path, listed, () => lstatSync(systemPath(path)));
  const entries = attempt(path, listed, () =>
    readdirSync(systemPath(path), { encoding: "latin1", withFileTypes: true }),
  );
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  walk.writer.startDirectory();
  const prefix = `${path}/`;
  for (const entry of entries) {
    const { name } = entry;
    walk.writer.entry(isAscii(name) ? name : Buffer.from(name, "latin1"));
    const below = prefix + name;
    // Nearly all are small files: those are written without a turn of the event loop in between.
    if (entry.isFile() && !isTurn(walk)) {
      const large = writeFile(walk, below, true);
      if (large !== undefined) await large;
    } else {
      await writeNode(walk, below, entry, true);
    }
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
    const status = writeSettledFile(walk, path, descriptor);
    if (status === undefined) return undefined;
    walk.writer.startFile({ executable: isExecutable(status), size: status.size });
    if (status.size > smallFile) {
      handedOver = true;
      return writeLargeFile(walk, path, descriptor, status).finally(() => {
        closeSync(descriptor);
      });
    }
    // One byte more than the size is asked for, so that a file that grew shows it.
    let read = 0;
    for (;;) {
      const start = read;
      const count = attempt(path, true, () => readSync(descriptor, walk.buffer, start, status.size + 1 - start, start));
      read += count;
      if (count === 0 || read >= status.size) break;
    }
    requireSize(read, status, path);
    requireUnchanged(status, fstatSync(descriptor), path);
    walk.writer.contents(walk.buffer.subarray(0, read));
    walk.writer.endFile();
    return undefined;
  } finally {
    if (!handedOver) closeSync(descriptor);
  }
}

/**
 * Nearly every file is small and was last changed before the walk began. Then one look after reading tells that what was
 * read is all of it and is what it still is; a second look costs a tenth of the whole. Any other file is not written, and
 * its status returned. Throws PATH_CHANGED when it is no file any more.
 */
function writeSettledFile(walk: Walk, path: BytePath, descriptor: number): Stats | undefined {
  let read: number | undefined;
  try {
    // From where it stands, its beginning: a position would be checked each time.
    read = readSync(descriptor, walk.buffer, 0, walk.buffer.length, null);
  } catch {
    // What can't be read at all (a folder, a pipe in a file's place) is told by its status, or by reading again.
  }
  const status = fstatSync(descriptor);
  if (!status.isFile()) throw pathFailure("PATH_CHANGED", `${shown(path)} was replaced while it was read.`);
  if (read !== status.size || read > smallFile || status.ctimeMs >= walk.settledBefore) return status;
  walk.writer.startFile({ executable: isExecutable(status), size: read });
  walk.writer.contents(walk.buffer.subarray(0, read));
  walk.writer.endFile();
  return undefined;
}

function isExecutable(status: Stats): boolean {
  return (status.mode & constants.S_IXUSR) !== 0;
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
