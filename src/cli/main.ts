import { writeSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { CommanderError } from "commander";
import { directoriesOf } from "../adapters/directories/directories.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { commandsFor } from "./commands.ts";
import type { RegisterCommand } from "./commands.ts";
import type { CommandContext } from "./context.ts";
import { onInterrupt } from "./interrupt.ts";
import { errorLines, errorReport, exitCodes } from "./outcome.ts";
import type { ExitCode, Outcome } from "./outcome.ts";
import { createProgram, usageFailure, versionAsked } from "./program.ts";

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What a command line runs in. Left out parts are the process's own. */
export interface Surroundings {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly commands?: readonly RegisterCommand[];
}

/** Who reads has gone (`neko-trust … | head`): no error, and no reason to stop before the work is done. */
const readerGone = ["EPIPE", "ERR_STREAM_DESTROYED"];

/** Writes and waits: a process that exits at once would cut what is piped. Throws OUTPUT_FAILED, as on a full disk. */
async function write(stream: NodeJS.WritableStream, text: string): Promise<void> {
  const error = await new Promise<Error | null | undefined>((resolve) => {
    stream.write(text, resolve);
  });
  if (error === undefined || error === null) return;
  if ("code" in error && readerGone.includes(String(error.code))) return;
  throw new Failure(
    {
      code: "OUTPUT_FAILED",
      kind: "unavailable",
      message: `The result can't be written: ${reasonOf(error)}.`,
      remedy: "Free some space, or write it to another place.",
    },
    { cause: error },
  );
}

async function report(outcome: Outcome, json: boolean, { stdout }: Surroundings): Promise<ExitCode> {
  const text = json ? JSON.stringify(outcome.document, null, 2) : outcome.lines.join("\n");
  if (text !== "") await write(stdout, `${text}\n`);
  return outcome.exitCode;
}

async function reportError(error: unknown, json: boolean, surroundings: Surroundings): Promise<ExitCode> {
  const { stdout, stderr, environment } = surroundings;
  const failure = errorReport(error);
  const { exitCode, ...document } = failure;
  // Where the document can't be written, the words go where they can.
  if (json && failure.code !== "OUTPUT_FAILED") {
    await write(stdout, `${JSON.stringify({ ok: false, error: document }, null, 2)}\n`);
  } else await write(stderr, `${errorLines(failure).join("\n")}\n`);
  if (failure.code === "INTERNAL" && environment["NEKO_TRUST_DEBUG"] === "1" && error instanceof Error) {
    await write(stderr, `${error.stack ?? ""}\n`);
  }
  return exitCode;
}

/** Parses the arguments, runs one command and returns how it ended. Throws only when nothing can be written at all. */
export async function execute(
  args: readonly string[],
  surroundings: Surroundings = { stdout: process.stdout, stderr: process.stderr, environment: process.env },
): Promise<ExitCode> {
  const { stdout, stderr, environment } = surroundings;
  const json = args.includes("--json");
  const interrupt = onInterrupt();
  const contextOf = (): CommandContext => ({
    directories: directoriesOf(checkout, environment),
    environment,
    now: () => new Date(),
    signal: interrupt.signal,
    progress: (line) => {
      if (!json) stderr.write(`${line}\n`);
    },
  });
  let exitCode: ExitCode = exitCodes.done;
  let help = "";
  const output = {
    writeOut: (text: string): void => {
      stdout.write(text);
    },
    writeHelp: (text: string): void => {
      help += text;
    },
  };
  const program = createProgram(
    async (action) => {
      exitCode = await report(await action(contextOf()), json, surroundings);
    },
    output,
    surroundings.commands ?? commandsFor(args),
  );
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const reason: unknown = interrupt.signal.aborted ? interrupt.signal.reason : error;
      return await reportError(reason, json, surroundings);
    }
    if (error.code === versionAsked) {
      const { packageVersion } = await import("../operations/package-version.ts");
      await write(stdout, `${packageVersion(checkout)}\n`);
      return exitCodes.done;
    }
    const failure = usageFailure(error);
    if (failure === undefined) return exitCodes.done;
    if (help !== "" && !json) await write(stderr, `${help}\n`);
    return await reportError(failure, json, surroundings);
  } finally {
    interrupt.stop();
  }
}

/** What nobody caught is a bug: told like every other, and never with Node's exit code 1, which means refused. */
function onUncaught(error: unknown): void {
  const failure = errorReport(error instanceof Failure ? new Error(error.message, { cause: error }) : error);
  const stack = process.env["NEKO_TRUST_DEBUG"] === "1" && error instanceof Error ? [error.stack ?? ""] : [];
  try {
    writeSync(2, `${[...errorLines(failure), ...stack].join("\n")}\n`);
  } finally {
    process.exit(exitCodes.internal);
  }
}

/** The entry of bin/neko-trust.mjs. */
export async function run(args: readonly string[]): Promise<void> {
  process.on("uncaughtException", onUncaught);
  // `write` hears of every failure; without a listener the event alone would end the process.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  process.exit(await execute(args));
}
