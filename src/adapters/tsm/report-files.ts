import { mkdir, open, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { runBounded } from "../processes/run-bounded.ts";
import { readAttribute } from "./read-attribute.ts";

/** What a report is asked for with: a folder whose files are the kernel's. Throws what the system says (an errno). */
export interface ReportFiles {
  readonly make: (folder: string) => Promise<void>;
  readonly write: (folder: string, name: "inblob", bytes: Uint8Array) => Promise<void>;
  /** A short text. */
  readonly read: (folder: string, name: "generation" | "provider") => Promise<string>;
  /** Waits for the host. Rejects with the signal's reason, and EFBIG for more than `most` bytes. */
  readonly readQuote: (folder: string, most: number, signal: AbortSignal) => Promise<Uint8Array>;
  readonly remove: (folder: string) => Promise<void>;
}

/** The kernel's own (Documentation/ABI/testing/configfs-tsm-report). */
export const kernelReportFiles: ReportFiles = {
  make: async (folder) => {
    await mkdir(folder);
  },
  write: async (folder, name, bytes) => {
    // One write: each is a request of its own.
    const file = await open(join(folder, name), "w");
    try {
      const { bytesWritten } = await file.write(bytes);
      if (bytesWritten !== bytes.length) throw Object.assign(new Error("a short write"), { code: "EIO" });
    } finally {
      await file.close();
    }
  },
  read: async (folder, name) =>
    Buffer.from(await readAttribute(join(folder, name), 256))
      .toString("latin1")
      .trim(),
  readQuote: (folder, most, signal) => readInChild(join(folder, "outblob"), most, signal),
  remove: async (folder) => {
    await rmdir(folder);
  },
};

/**
 * The kernel makes the quote while it is read, and waits for the host inside that call: nothing in this process could give it up.
 * A process of its own can be ended. It reads to the end of the file, whatever size the file claims to have.
 */
const childScript = `
const { openSync, readSync, writeSync } = require("node:fs");
try {
  const file = openSync(process.argv[1], "r");
  const buffer = Buffer.alloc(65536);
  for (let length; (length = readSync(file, buffer, 0, buffer.length, null)) > 0; ) {
    for (let done = 0; done < length; ) done += writeSync(1, buffer, done, length - done);
  }
} catch (error) {
  process.stderr.write(String(error.code) + "\\n");
  process.exitCode = 1;
}`;

async function readInChild(path: string, most: number, signal: AbortSignal): Promise<Uint8Array> {
  const { code, stdout, overflowed, lastLines } = await runBounded({
    program: process.execPath,
    args: ["-e", childScript, path],
    environment: {},
    maxOutputBytes: most,
    signal,
  });
  if (overflowed) throw Object.assign(new Error(`more than ${most} bytes`), { code: "EFBIG" });
  if (code === 0) return stdout;
  const errno = /^E[A-Z0-9]+$/.exec(lastLines.at(-1) ?? "")?.[0] ?? "EIO";
  throw Object.assign(new Error(`reading ${path} failed with ${errno}`), { code: errno });
}
