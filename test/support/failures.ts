import assert from "node:assert/strict";
import { Failure } from "../../src/core/failure.ts";

/** The code of the Failure that a call throws, or `otherwise` when it throws none; anything else it throws is a bug. */
export function codeThrown(call: () => unknown, otherwise: string): string {
  try {
    call();
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  return otherwise;
}

/** The Failure that something rejects with; undefined when it does not, anything else it rejects with is a bug. */
async function rejection(work: Promise<unknown>): Promise<Failure | undefined> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  return undefined;
}

/** The Failure that something rejects with; fails the test when it does not. */
export async function failureFrom(work: Promise<unknown>): Promise<Failure> {
  return (await rejection(work)) ?? assert.fail("it did not throw");
}

/** The code of the Failure that something rejects with; `otherwise` when it does not. */
export async function failureCodeOf(work: Promise<unknown>, otherwise = "accepted"): Promise<string> {
  return (await rejection(work))?.code ?? otherwise;
}
