import { RunError } from "@pulumi/pulumi/errors.js";
import { Failure } from "../core/failure.ts";
import { markReported } from "./stray-listeners.ts";

/** A Pulumi program: registers resources and returns the stack's outputs. Called once per preview and once per update. */
export type Program = () => Promise<Record<string, unknown> | undefined>;

/** A program that remembers what it threw, as the engine only hears a message. */
export interface WatchedProgram {
  readonly run: Program;
  /** Call before each operation: forgets what was thrown, and listens for Failures in code that nobody awaits (`apply`). */
  readonly watch: () => () => void;
  readonly thrown: () => unknown;
}

/** Wraps a program; a Failure that it throws is shown to the engine without its stack. */
export function watchedProgram(program: Program): WatchedProgram {
  let thrown: unknown;
  const onRejection = (error: unknown): void => {
    if (!(error instanceof Failure)) return;
    thrown ??= error;
    markReported(error);
  };
  return {
    run: async () => {
      try {
        return await program();
      } catch (error) {
        thrown ??= error;
        const told = error instanceof Failure ? new RunError(error.message) : error;
        if (told instanceof Error) markReported(told);
        throw told;
      }
    },
    watch: () => {
      thrown = undefined;
      process.on("unhandledRejection", onRejection);
      return () => process.off("unhandledRejection", onRejection);
    },
    thrown: () => thrown,
  };
}
