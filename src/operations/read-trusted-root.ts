import { readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { Failure, reasonOf } from "../core/failure.ts";

/** The bytes of the trusted root that a stack names (a path relative to the checkout, or absolute). */
export function readTrustedRootFile(path: string, checkout: string): Uint8Array {
  try {
    return readFileSync(isAbsolute(path) ? path : join(checkout, path));
  } catch (error) {
    throw new Failure(
      {
        code: "ROOT_UNREADABLE",
        kind: "usage",
        message: `The trusted root ${path} can't be read: ${reasonOf(error)}.`,
        remedy: "Correct trustedRoot in the stack's file.",
      },
      { cause: error },
    );
  }
}
