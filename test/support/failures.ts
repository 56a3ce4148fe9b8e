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

/** The code of the Failure that something rejects with; `accepted` when it does not. */
export async function failureCodeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  return "accepted";
}
