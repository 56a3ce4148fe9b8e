import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, readFile, rename, stat, writeFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** What was built, beside the binary: a binary that does not match its stamp is not used. */
interface Stamp {
  readonly sha256: string;
  readonly size: number;
  /** As the file system reported them when the hash was taken: while all three hold, nothing has written to the file. */
  readonly seen: { readonly inode: number; readonly modified: number; readonly changed: number };
}

/** Hashes a binary and writes its stamp, atomically. */
export async function writeStamp(binary: string, stampFile: string): Promise<void> {
  await saveStamp(stampFile, await stampOf(binary));
}

/**
 * Whether the binary is the one that was stamped. The hash is taken only when size, inode or times differ from what was
 * seen (a restored cache, for example); a missing, unreadable or malformed stamp is a no.
 */
export async function matchesStamp(binary: string, stampFile: string): Promise<boolean> {
  try {
    await access(binary, constants.X_OK);
    const stamp = parseStamp(await readFile(stampFile, "utf8"));
    const now = await stat(binary);
    if (stamp === undefined || !now.isFile() || now.size !== stamp.size) return false;
    const { inode, modified, changed } = stamp.seen;
    if (now.ino === inode && now.mtimeMs === modified && now.ctimeMs === changed) return true;
    const fresh = await stampOf(binary);
    if (fresh.sha256 !== stamp.sha256) return false;
    // The next call is spared the hash. A cache that can't be written to is still good to read.
    await saveStamp(stampFile, fresh).catch(() => undefined);
    return true;
  } catch {
    return false;
  }
}

async function stampOf(binary: string): Promise<Stamp> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(binary, { highWaterMark: 1 << 20 }), hash);
  const { size, ino, mtimeMs, ctimeMs } = await stat(binary);
  return { sha256: hash.digest("hex"), size, seen: { inode: ino, modified: mtimeMs, changed: ctimeMs } };
}

async function saveStamp(file: string, stamp: Stamp): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(stamp, null, 2)}\n`);
  await rename(temporary, file);
}

function parseStamp(text: string): Stamp | undefined {
  const value: unknown = JSON.parse(text);
  return isStamp(value) ? value : undefined;
}

function isStamp(value: unknown): value is Stamp {
  if (typeof value !== "object" || value === null) return false;
  const { sha256, size, seen } = value as Record<string, unknown>;
  if (typeof sha256 !== "string" || typeof size !== "number" || typeof seen !== "object" || seen === null) return false;
  const { inode, modified, changed } = seen as Record<string, unknown>;
  return [inode, modified, changed].every((number) => typeof number === "number");
}
