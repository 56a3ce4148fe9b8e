import { ResourceError, RunError } from "@pulumi/pulumi/errors.js";
import { saysDiskFull } from "../adapters/toolchain/disk-full.ts";
import { interrupted } from "../adapters/toolchain/interruption.ts";
import { Failure } from "../core/failure.ts";
import type { EngineExit } from "./engine-command.ts";
import { errorLines } from "./diagnostics.ts";
import { nameOfUrn } from "./progress.ts";
import type { Collected } from "./progress.ts";
import { isGrpcStatus } from "./stray-listeners.ts";
import { stackLocked } from "./update-lock.ts";

/** The engine's operations. */
export type Operation = "preview" | "up" | "refresh" | "destroy";

/** What is known about an operation that did not end well. */
export interface Wreck {
  readonly operation: Operation;
  readonly stack: string;
  readonly error: unknown;
  readonly wasInterrupted: boolean;
  /** The run of the binary that failed, if one did. */
  readonly exit: EngineExit | undefined;
  readonly collected: Collected;
  /** What the program threw, if it did. */
  readonly thrown: unknown;
}

/**
 * What to throw for an operation that did not end well: the program's own Failure as it is, a bug of the program as it
 * is (it exits as internal), else a Failure that quotes the engine.
 */
export function updateFailure(wreck: Wreck): unknown {
  const { operation, stack, error, exit, collected, thrown } = wreck;
  if (wreck.wasInterrupted) {
    const remedy = "Run the same command again: the state knows what was done, and the next run goes on from there.";
    return interrupted(`running ${operation} on the stack "${stack}"`, remedy);
  }
  if (thrown instanceof Failure || error instanceof Failure) return thrown instanceof Failure ? thrown : error;
  const said = exit === undefined ? [] : errorLines(exit.stderr);
  if (said.some((line) => line.includes("the stack is currently locked by"))) return stackLocked(stack, undefined);
  if (said.some((line) => line.includes("incorrect passphrase"))) return passphraseIncorrect(stack);
  if (typeof exit?.code === "string") return engineEnded(operation, stack, exit.code);
  const isBug = thrown !== undefined && !isExpected(thrown) && collected.failures.length === 0;
  if (isBug) return thrown;
  // The binary ended well, so this is neither the engine's word nor the program's.
  if (exit === undefined && collected.errors.length === 0 && !isExpected(thrown)) return error;

  const details = unique(collected.errors.length > 0 ? collected.errors : said);
  if (details.some(saysDiskFull) || said.some(saysDiskFull)) return stateDiskFull(operation, stack);
  const failed = unique(collected.failures.map(({ urn }) => nameOfUrn(urn)));
  return new Failure(
    {
      code: "ENGINE_UPDATE_FAILED",
      kind: collected.violations > 0 ? "refused" : "usage",
      message: failureMessage(operation, stack, collected.violations, failed),
      remedy:
        "Mend what the lines above name and run the same command again; what was done so far is in the state, nothing is lost.",
      details,
    },
    { cause: error },
  );
}

function failureMessage(operation: Operation, stack: string, violations: number, failed: readonly string[]): string {
  const head = `${operation} of the stack "${stack}"`;
  if (violations > 0) return `${head} was refused by ${violations} mandatory policy violation(s).`;
  return failed.length > 0 ? `${head} failed at ${failed.join(", ")}.` : `${head} failed.`;
}

/** An error that the program threw on purpose, or that only repeats what the engine said (a gRPC status). */
function isExpected(thrown: unknown): boolean {
  if (RunError.isInstance(thrown) || ResourceError.isInstance(thrown)) return true;
  return isGrpcStatus(thrown);
}

function passphraseIncorrect(stack: string): Failure {
  return new Failure({
    code: "PASSPHRASE_INCORRECT",
    kind: "usage",
    message: `The passphrase does not open the secrets of the stack "${stack}".`,
    remedy: "Set PULUMI_CONFIG_PASSPHRASE to the passphrase that the stack was made with.",
  });
}

function engineEnded(operation: Operation, stack: string, signal: string): Failure {
  return new Failure({
    code: "ENGINE_ENDED",
    kind: "unavailable",
    message: `The engine was ended by ${signal} during ${operation} of the stack "${stack}".`,
    remedy: "Run the same command again: it heals what was left open. If it happens again, look for a lack of memory.",
  });
}

function stateDiskFull(operation: Operation, stack: string): Failure {
  return new Failure({
    code: "DISK_FULL",
    kind: "unavailable",
    message: `There is no space left on the disk for the state of the stack "${stack}" (${operation}).`,
    remedy: "Free some space and run the same command again: the state before the last step is whole.",
  });
}

function unique(lines: readonly string[]): string[] {
  return [...new Set(lines)];
}
