import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { Failure, reasonOf } from "../../core/failure.ts";
import { createDiskTar } from "../../core/tdx/measure/disk-tar.ts";
import { openRegular } from "../files/store-hashed.ts";

/** A signer's disk has a few gigabytes; holes of a hostile archive cost time, not memory. */
const mostDiskBytes = 64 * 1024 ** 3;

/**
 * Reads a disk artifact (disk.raw in a tar.gz) once: hashes the file as it lies there, and gives the raw disk piece by piece.
 * What `raw` throws ends the reading. Throws DISK_SOURCE_UNREADABLE (usage), DISK_ARTIFACT_INVALID, DISK_TOO_LARGE (refused).
 */
export async function readDiskArtifact(
  path: string,
  raw: (piece: Uint8Array) => void,
  signal?: AbortSignal,
): Promise<{ readonly sha256: string }> {
  const { bytes } = await openRegular(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      done(null, piece);
    },
  });
  const tar = createDiskTar(raw, mostDiskBytes);
  try {
    await pipeline(
      bytes,
      hashing,
      createGunzip({ chunkSize: 1 << 20 }),
      async (pieces: AsyncIterable<Uint8Array>) => {
        for await (const piece of pieces) tar.feed(piece);
      },
      ...(signal === undefined ? [] : [{ signal }]),
    );
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && "code" in error && String(error.code).startsWith("Z_")) throw notGzip(path, error);
    throw error;
  } finally {
    bytes.destroy();
  }
  tar.end();
  return { sha256: hash.digest("hex") };
}

function unreadable(path: string, error: unknown): Failure {
  return new Failure(
    {
      code: "DISK_SOURCE_UNREADABLE",
      kind: "usage",
      message: `The disk artifact ${path} can't be read: ${reasonOf(error)}.`,
      remedy: "Name the file itself; where a link such as Nix's result leads is told by: readlink -f",
    },
    { cause: error },
  );
}

function notGzip(path: string, cause: Error): Failure {
  return new Failure(
    {
      code: "DISK_ARTIFACT_INVALID",
      kind: "refused",
      message: `The disk artifact ${path} is no whole gzip file (${cause.message}).`,
      remedy: "Make it with: tar --format=oldgnu -Sczf disk.tar.gz disk.raw",
    },
    { cause },
  );
}
