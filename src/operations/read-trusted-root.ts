import { isAbsolute, join } from "node:path";
import { readRegularFile } from "../adapters/files/read-regular-file.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { maxTrustBytes } from "./read-file.ts";

/** The bytes of the trusted root that a stack names (a path relative to the checkout, or absolute). */
export function readTrustedRootFile(path: string, checkout: string): Uint8Array {
  try {
    return readRegularFile(isAbsolute(path) ? path : join(checkout, path), maxTrustBytes);
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
