import { spawn } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "../../core/failure.ts";
import { goEnvironment, requireGo } from "./go.ts";
import type { Environment } from "./go.ts";
import { interrupted, listenForInterruption, signalGroup } from "./interruption.ts";
import { diskFull, saysDiskFull } from "./disk-full.ts";
import type { PinnedTool } from "./tool.ts";

export interface BuildOptions {
  /** The checkout: `tool.module` is relative to it. */
  readonly checkout: string;
  /** Where the binary goes. */
  readonly output: string;
  readonly logFile: string;
  readonly environment: Environment;
  readonly progress: (line: string) => void;
  readonly signOfLifeMilliseconds: number;
  readonly signal?: AbortSignal;
}

/** How many of the log's last lines a Failure quotes. */
const quotedLines = 8;

/**
 * Runs `go build` for a pinned tool. What Go prints goes to the log file; a short line says every now and then that it
 * is still at work. An interruption ends Go and its compilers.
 * @throws Failure GO_MISSING, GO_TOO_OLD, DISK_FULL, TOOL_BUILD_FAILED, INTERRUPTED
 */
export async function buildTool(tool: PinnedTool, options: BuildOptions): Promise<void> {
  const title = `${tool.name} ${tool.version}`;
  const moduleDirectory = join(options.checkout, tool.module);
  await requireGo(moduleDirectory, title, options.environment);
  await mkdir(dirname(options.output), { recursive: true });
  await mkdir(dirname(options.logFile), { recursive: true });
  options.progress(`building ${title} from ${tool.module} (usually ${tool.usually}); log: ${options.logFile}`);

  const interruption = listenForInterruption(options.signal);
  const log = openSync(options.logFile, "w");
  const begin = Date.now();
  let lines: string[] = [];
  let count = 0;
  let logFault: unknown;
  const child = spawn("go", ["build", "-v", "-ldflags", tool.linkerFlags, "-o", options.output, tool.package], {
    cwd: moduleDirectory,
    env: goEnvironment(options.environment),
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that an interruption reaches the compilers too, and once.
    detached: true,
  });
  const record = (chunk: string): void => {
    try {
      writeSync(log, chunk);
    } catch (error) {
      logFault ??= error;
    }
    const fresh = chunk.split("\n").filter((line) => line.trim() !== "");
    count += fresh.length;
    lines = [...lines, ...fresh].slice(-quotedLines);
  };
  child.stdout.setEncoding("utf8").on("data", record);
  child.stderr.setEncoding("utf8").on("data", record);
  const onInterruption = (): void => {
    signalGroup(child.pid, "SIGKILL");
  };
  interruption.signal.addEventListener("abort", onInterruption, { once: true });
  if (interruption.signal.aborted) onInterruption();
  const alive = setInterval(() => {
    const seconds = Math.round((Date.now() - begin) / 1000);
    options.progress(`still building ${title}: ${seconds} s, ${count} packages so far; log: ${options.logFile}`);
  }, options.signOfLifeMilliseconds);
  try {
    const ended = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        resolve(code ?? signal ?? "no exit code");
      });
    });
    if (interruption.signal.aborted) {
      throw interrupted(`building ${title}`, "Run the same command again: what was compiled so far is kept by Go.");
    }
    if (saysDiskFull(logFault) || (ended !== 0 && lines.some(saysDiskFull))) throw diskFull(title, options.logFile);
    if (ended !== 0) throw buildFailed(title, ended, lines, options.logFile);
  } finally {
    clearInterval(alive);
    interruption.dispose();
    closeSync(log);
  }
}

function buildFailed(title: string, ended: number | string, lines: readonly string[], logFile: string): Failure {
  return new Failure({
    code: "TOOL_BUILD_FAILED",
    kind: "unavailable",
    message: `Building ${title} failed (go ended with ${ended}); the whole log is in ${logFile}.`,
    remedy: "Read the last lines of the log; when a download failed, check the network or GOPROXY, then try again.",
    details: lines,
  });
}
