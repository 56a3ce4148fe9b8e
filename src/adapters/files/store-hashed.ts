import { createHash, randomBytes } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/** Large files whose content is known by its hash beforehand: hashed as they lie where they will be used. */

/** What was found instead of the wanted bytes. */
export type Unwanted =
  { readonly kind: "other-hash"; readonly sha256: string } | { readonly kind: "too-large"; readonly most: number };

export interface StoreRequest {
  /** In a folder that is private to this user (private-folder.ts). */
  readonly path: string;
  readonly sha256: string;
  /** More bytes than these are not kept. */
  readonly most: number;
}

const pieceBytes = 1 << 20;
const ownFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Whether the file is there with exactly these bytes, and nobody else can change them: a link, or a file with a second
 * name, is not it. Throws what node:fs throws.
 */
export async function holdsHashed({ path, sha256 }: Omit<StoreRequest, "most">): Promise<boolean> {
  const file = await open(path, ownFlags).catch((error: unknown) => {
    if (isErrno(error, "ENOENT") || isErrno(error, "ELOOP")) return undefined;
    throw error;
  });
  if (file === undefined) return false;
  try {
    const status = await file.stat();
    if (!status.isFile() || status.nlink !== 1 || status.uid !== process.getuid?.()) return false;
    return (await hashOf(file)) === sha256;
  } finally {
    await file.close();
  }
}

/**
 * Writes what `bytes` gives to a fresh file, hashes that file through the descriptor that wrote it, and gives it its name only if
 * it is what was wanted: read-only, as a whole. Nothing is left of what was not wanted, or of a stream that failed.
 * Throws what the stream or node:fs throws.
 */
export async function storeHashed(
  bytes: () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>,
  { path, sha256, most }: StoreRequest,
): Promise<Unwanted | undefined> {
  const fresh = `${path}.${randomBytes(6).toString("hex")}.new`;
  const file = await open(fresh, "wx+", 0o600);
  try {
    let total = 0;
    // Asked for once there is a file to write to: a stream that nobody reads would hold its connection.
    for await (const piece of await bytes()) {
      total += piece.length;
      if (total > most) return { kind: "too-large", most };
      await writeAll(file, piece);
    }
    await file.sync();
    const found = await hashOf(file);
    if (found !== sha256) return { kind: "other-hash", sha256: found };
    await file.chmod(0o400);
    await rename(fresh, path);
    return undefined;
  } finally {
    await file.close();
    await rm(fresh, { force: true });
  }
}

/** The bytes of a regular file, from the one descriptor that was checked. Throws what node:fs throws; ELOOP for a link. */
export async function openRegular(path: string): Promise<{ readonly size: number; readonly bytes: FileBytes }> {
  const file = await open(path, ownFlags);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw Object.assign(new Error("it is not a file"), { code: "ENOTFILE" });
    // Closes the descriptor at its end, and when nobody reads on.
    return { size: status.size, bytes: createReadStream("", { fd: file, highWaterMark: pieceBytes }) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A stream of bytes that must be read to its end or destroyed. */
export type FileBytes = AsyncIterable<Uint8Array> & { destroy(): unknown };

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let done = 0; done < piece.length;) done += (await file.write(piece, done)).bytesWritten;
}

async function hashOf(file: FileHandle): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(pieceBytes);
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
