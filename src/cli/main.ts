import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { directoriesOf } from "../adapters/directories/directories.ts";
import { Failure } from "../core/failure.ts";
import { commands } from "./commands.ts";
import type { CommandContext } from "./context.ts";
import { errorLines, errorReport, exitCodes } from "./outcome.ts";
import type { ExitCode, Outcome } from "./outcome.ts";

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Writes and waits: a process that exits at once would cut what is piped. */
function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => {
      resolve();
    });
  });
}

async function report(outcome: Outcome, json: boolean): Promise<ExitCode> {
  const text = json ? JSON.stringify(outcome.document, null, 2) : outcome.lines.join("\n");
  if (text !== "") await write(process.stdout, `${text}\n`);
  return outcome.exitCode;
}

async function reportError(error: unknown, json: boolean): Promise<ExitCode> {
  const failure = errorReport(error);
  const { exitCode, ...document } = failure;
  if (json) await write(process.stdout, `${JSON.stringify({ ok: false, error: document }, null, 2)}\n`);
  else await write(process.stderr, `${errorLines(failure).join("\n")}\n`);
  if (failure.code === "INTERNAL" && process.env["NEKO_TRUST_DEBUG"] === "1" && error instanceof Error) {
    await write(process.stderr, `${error.stack ?? ""}\n`);
  }
  return exitCode;
}

function contextOf(json: boolean, signal: AbortSignal): CommandContext {
  return {
    directories: directoriesOf(checkout, process.env),
    environment: process.env,
    now: () => new Date(),
    signal,
    progress: (line) => {
      if (!json) process.stderr.write(`${line}\n`);
    },
  };
}

/** Parses the arguments, runs one command and returns how it ended. Never throws. */
export async function execute(args: readonly string[]): Promise<ExitCode> {
  const json = args.includes("--json");
  const interrupt = new AbortController();
  const onInterrupt = (): void => {
    interrupt.abort(
      new Failure({
        code: "INTERRUPTED",
        kind: "unavailable",
        message: "Interrupted.",
        remedy: "Run the same command again: it goes on from what is there.",
      }),
    );
  };
  process.once("SIGINT", onInterrupt);
  process.once("SIGTERM", onInterrupt);
  let exitCode: ExitCode = exitCodes.done;
  const program = new Command("neko-trust")
    .description("Running only what you can prove: one trust policy for images built with Nix.")
    .showHelpAfterError("(see neko-trust --help)")
    .exitOverride();
  for (const register of commands) {
    register(program, async (run) => {
      exitCode = await report(await run(contextOf(json, interrupt.signal)), json);
    });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    if (interrupt.signal.aborted) return await reportError(interrupt.signal.reason, json);
    return await reportError(error, json);
  } finally {
    process.removeListener("SIGINT", onInterrupt);
    process.removeListener("SIGTERM", onInterrupt);
  }
}

/** The entry of bin/neko-trust.mjs. */
export async function run(args: readonly string[]): Promise<void> {
  // A closed pipe (`neko-trust … | head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.done);
  });
  process.exit(await execute(args));
}
