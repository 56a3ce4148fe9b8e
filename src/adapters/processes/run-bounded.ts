import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface BoundedRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends the process; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes of standard output that are kept; a process that writes more is ended. */
  readonly maxOutputBytes: number;
  /** The folder that it runs in; this process's own unless given. */
  readonly folder?: string;
  /** What it reads from standard input; nothing unless given. For what must not be seen in a list of processes. */
  readonly input?: string;
  /** Each line of standard error, as it comes, shortened to 4,096 characters. */
  readonly onLine?: (line: string) => void;
}

export interface BoundedResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: Buffer;
  /** Whether it wrote more than `maxOutputBytes`: then it was ended, and `stdout` is its beginning. */
  readonly overflowed: boolean;
  /** The last lines of standard error. */
  readonly lastLines: readonly string[];
}

const keptLines = 20;
const maxLine = 4096;
/** After a polite signal, so that a program can end its own children and remove what it left half done. */
const graceMilliseconds = 5000;

/**
 * Runs a program without a shell, with bounded memory, to its end. Rejects with the system's error when it can't be
 * started (ENOENT: no such program), and with the signal's reason when it was told to end.
 */
export async function runBounded(run: BoundedRun): Promise<BoundedResult> {
  const { signal, maxOutputBytes } = run;
  signal?.throwIfAborted();
  const child = spawn(run.program, run.args, {
    env: run.environment,
    stdio: ["pipe", "pipe", "pipe"],
    ...(run.folder === undefined ? {} : { cwd: run.folder }),
  });
  // A program that does not read its input ends without it: that is its own business.
  child.stdin.on("error", () => undefined);
  child.stdin.end(run.input ?? "");
  let urgent: NodeJS.Timeout | undefined;
  const end = (): void => {
    child.kill("SIGTERM");
    urgent ??= setTimeout(() => child.kill("SIGKILL"), graceMilliseconds);
  };
  signal?.addEventListener("abort", end, { once: true });
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    if (size < maxOutputBytes) chunks.push(chunk.subarray(0, maxOutputBytes - size));
    size += chunk.length;
    if (size > maxOutputBytes) end();
  });
  const lastLines: string[] = [];
  const lines = createInterface({ input: child.stderr, crlfDelay: Infinity });
  lines.on("line", (text) => {
    const line = text.slice(0, maxLine);
    if (line.trim() === "") return;
    if (lastLines.push(line) > keptLines) lastLines.shift();
    run.onLine?.(line);
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    signal?.throwIfAborted();
    return { code, stdout: Buffer.concat(chunks), overflowed: size > maxOutputBytes, lastLines };
  } finally {
    clearTimeout(urgent);
    signal?.removeEventListener("abort", end);
    lines.close();
  }
}
