import { Command, CommanderError } from "commander";
import { Failure } from "../core/failure.ts";
import { commands } from "./commands.ts";
import type { RegisterCommand, Runner } from "./commands.ts";

/** Where help goes; `help` gets what is shown when no command was named. */
export interface HelpOutput {
  readonly writeOut: (text: string) => void;
  readonly writeHelp: (text: string) => void;
}

/** The code of the error that --version is told by: what it needs is loaded then. */
export const versionAsked = "neko-trust.version";

/** The command line as commander has it: every command registered, nothing run, errors thrown and not printed. */
export function createProgram(
  run: Runner,
  output: HelpOutput,
  registered: readonly RegisterCommand[] = commands,
): Command {
  const program = new Command("neko-trust")
    .description("Running only what you can prove: one trust policy for images built with Nix.")
    .configureOutput({ writeOut: output.writeOut, writeErr: output.writeHelp, outputError: () => undefined })
    .exitOverride();
  // Options of the program stand before a command: commands have a --version of their own (publish-manifest).
  program.enablePositionalOptions();
  program.option("--version", "print the version").on("option:version", () => {
    throw new CommanderError(0, versionAsked, "the version was asked for");
  });
  for (const register of registered) register(program, run);
  return program;
}

/** What commander found wrong with the call, as a Failure like any other; undefined when it only showed help. */
export function usageFailure(error: CommanderError): Failure | undefined {
  if (error.exitCode === 0) return undefined;
  if (error.code === "commander.help") {
    return new Failure({
      code: "COMMAND_MISSING",
      kind: "usage",
      message: "No command was named.",
      remedy: "Name one of the commands: neko-trust --help lists them.",
    });
  }
  const [fault = "", ...hints] = error.message.replace(/^error: /, "").split("\n");
  return new Failure({
    code: "USAGE_INVALID",
    kind: "usage",
    message: `${fault.charAt(0).toUpperCase()}${fault.slice(1).replace(/\.$/, "")}.`,
    remedy: "See what there is with neko-trust --help, or neko-trust <command> --help.",
    details: hints,
  });
}
