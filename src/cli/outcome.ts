import { Failure, reasonOf } from "../core/failure.ts";
import { legible } from "../core/legible.ts";

/** Exit codes, the same for every command (docs/exit-codes.md). */
export const exitCodes = { done: 0, refused: 1, usage: 2, unavailable: 3, internal: 4, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What a command gives back: lines for people, one JSON document for programs, and how it ended. */
export interface Outcome {
  readonly exitCode: ExitCode;
  readonly lines: readonly string[];
  readonly document: unknown;
}

export interface ErrorReport {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly details: readonly string[];
}

/** A thrown value as what the user is told. Only what isn't a Failure is internal; its stack goes to --debug alone. */
export function errorReport(error: unknown): ErrorReport {
  if (error instanceof Failure) {
    const { code, message, remedy, details } = error;
    return {
      exitCode: code === "INTERRUPTED" ? exitCodes.interrupted : exitCodes[error.kind],
      code,
      message,
      remedy,
      details,
    };
  }
  if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) {
    return {
      exitCode: exitCodes.unavailable,
      code: "DISK_FULL",
      message: `There is no space left on the disk: ${reasonOf(error)}`,
      remedy: "Free some space and run the same command again; what was written so far is whole.",
      details: [],
    };
  }
  return {
    exitCode: exitCodes.internal,
    code: "INTERNAL",
    message: `This is a bug in neko-trust: ${reasonOf(error)}`,
    remedy: "Please report it with the command that you ran; set NEKO_TRUST_DEBUG=1 to see where it happened.",
    details: [],
  };
}

/**
 * The report for people. It may quote a registry or a file, so no text of it can move a terminal's cursor or begin a
 * line of its own: CI systems take commands from lines that begin in a certain way. Further lines of a detail (an
 * engine's diagnostics) are marked as such.
 */
export function errorLines(report: ErrorReport): string[] {
  const inOneLine = (text: string): string => legible(text.replace(/\s*\n\s*/g, " "));
  return [
    `error: ${inOneLine(report.message)}`,
    ...report.details.flatMap((detail) =>
      detail
        .replaceAll("\t", "  ")
        .split("\n")
        .map((line, position) => (position === 0 ? `  - ${legible(line)}` : `    │ ${legible(line)}`)),
    ),
    `to do: ${inOneLine(report.remedy)}`,
    `(code ${report.code})`,
  ];
}
