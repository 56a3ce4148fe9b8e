import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isUtf8 } from "node:buffer";

export interface CommandLine {
  /** The program and its first arguments; `script` follows as the last one. */
  readonly interpreter: readonly [string, ...string[]];
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string | undefined;
  readonly input: string | undefined;
  readonly timeoutMilliseconds: number;
  readonly signal: AbortSignal;
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const outputLimit = 1024 * 1024;

/**
 * Runs a command on this machine, apart from the user's own things: a home folder of its own that is removed
 * afterwards, none of this process's environment but PATH, and proxies that lead nowhere for all but loopback.
 *
 * @throws Error with a readable message when it can't be started, runs too long, says too much, or is cancelled.
 */
export async function runCommand(line: CommandLine): Promise<Ran> {
  const home = await mkdtemp(join(tmpdir(), "neko-trust-command-"));
  try {
    const [program, ...options] = line.interpreter;
    const child = spawn(program, [...options, line.script], {
      cwd: line.directory ?? home,
      env: { ...secludedEnvironment(home), ...line.environment },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    return await finished(child, line);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function secludedEnvironment(home: string): Record<string, string> {
  // Port 9 is "discard" (RFC 863): nothing listens there.
  const nowhere = "http://127.0.0.1:9";
  const loopback = "127.0.0.1,localhost,::1";
  return {
    PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: home,
    TMPDIR: home,
    LANG: "C.UTF-8",
    ...{ http_proxy: nowhere, https_proxy: nowhere, all_proxy: nowhere, no_proxy: loopback },
    ...{ HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, ALL_PROXY: nowhere, NO_PROXY: loopback },
  };
}

function finished(child: ChildProcess, line: CommandLine): Promise<Ran> {
  return new Promise((resolve, reject) => {
    let ended: string | undefined;
    const end = (reason: string): void => {
      ended ??= reason;
      killGroup(child);
    };
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], size: 0 };
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.on("data", (chunk: Buffer) => {
        output.size += chunk.length;
        if (output.size > outputLimit) end(`it wrote more than ${outputLimit} bytes`);
        else output[name].push(chunk);
      });
    }
    const timer = setTimeout(() => {
      end(`it ran longer than ${line.timeoutMilliseconds / 1000} s`);
    }, line.timeoutMilliseconds);
    const cancel = (): void => {
      end("it was cancelled");
    };
    if (line.signal.aborted) cancel();
    line.signal.addEventListener("abort", cancel, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      line.signal.removeEventListener("abort", cancel);
    };
    child.once("error", (error) => {
      settle();
      reject(new Error(`the command could not be started: ${error.message}`));
    });
    child.once("close", (code) => {
      settle();
      if (ended !== undefined) reject(new Error(`the command was ended: ${ended}`));
      else resolve({ exitCode: code ?? -1, stdout: text(output.stdout), stderr: text(output.stderr) });
    });
    // A command need not read what it is given.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(line.input ?? "");
  });
}

/** The command is the leader of a process group of its own, so that its children go with it. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

/** As the real provider gives it: without the last line's end. */
function text(chunks: readonly Buffer[]): string {
  const bytes = Buffer.concat(chunks);
  return (isUtf8(bytes) ? bytes.toString("utf8") : bytes.toString("latin1")).replace(/\r?\n+$/u, "");
}
