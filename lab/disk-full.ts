import { existsSync, statfsSync } from "node:fs";
import { saysDiskFull } from "../src/adapters/toolchain/disk-full.ts";
import { Failure, reasonOf } from "../src/core/failure.ts";
import type { LabContext } from "./context.ts";

/** Less than this can't hold what one step of the lab writes; a step that failed then failed for it. */
const leastBytes = 1 << 20;

/**
 * Runs a command of the lab. When it fails while there is no space left for its state, pid files or logs, that is what
 * is told: a service on a full disk answers "500", and an `ENOSPC` of our own is no bug.
 *
 * @throws Failure DISK_FULL (unavailable), and whatever `work` throws otherwise
 */
export async function tellingDiskFull<T>(
  { directories }: Pick<LabContext, "directories">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure && (error.kind !== "unavailable" || settled.has(error.code))) throw error;
    const full = [directories.state, directories.run].find(isFull);
    if (full === undefined && !saysDiskFull(error)) throw error;
    throw new Failure(
      {
        code: "DISK_FULL",
        kind: "unavailable",
        message: `There is no space left on the disk of ${full ?? directories.state}.`,
        remedy: "Free some space and run the same command again: it goes on from what is there.",
        details: [reasonOf(error)],
      },
      { cause: error },
    );
  }
}

/** Failures that say all there is to say. */
const settled: ReadonlySet<string> = new Set(["DISK_FULL", "INTERRUPTED"]);

function isFull(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize < leastBytes;
}
