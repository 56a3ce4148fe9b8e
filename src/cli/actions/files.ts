import { Failure, reasonOf } from "../../core/failure.ts";
import { readDocumentFile } from "../../operations/read-file.ts";
import { assertWritable, assertWritableFolder, writeFileWhole } from "../../operations/write-file.ts";

/** The bytes of a file that the user named: a regular one, of a bounded size. Throws FILE_UNREADABLE. */
export function readInput(option: string, path: string): Uint8Array {
  try {
    return readDocumentFile(path);
  } catch (error) {
    throw new Failure(
      {
        code: "FILE_UNREADABLE",
        kind: "usage",
        message: `${option}: ${path} can't be read: ${reasonOf(error)}.`,
        remedy: "Name a file that exists and that this user may read.",
      },
      { cause: error },
    );
  }
}

/** Writes a file that the user asked for, whole or not at all. Throws FILE_NOT_WRITTEN. */
export function writeOutput(option: string, path: string, content: Uint8Array): void {
  try {
    writeFileWhole(path, content);
  } catch (error) {
    // A full disk is told as such by whoever prints errors.
    if (error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT")) throw error;
    throw notWritten(option, path, error);
  }
}

/** Refuses before long work what writeOutput would refuse after it. Throws FILE_NOT_WRITTEN. */
export function assertOutput(option: string, path: string): void {
  try {
    assertWritable(path);
  } catch (error) {
    throw notWritten(option, path, error);
  }
}

/** As assertOutput, for a folder that has to exist. Throws FILE_NOT_WRITTEN. */
export function assertOutputFolder(option: string, path: string): void {
  try {
    assertWritableFolder(path);
  } catch (error) {
    throw notWritten(option, path, error, "Name a folder that exists and that this user may write to.");
  }
}

function notWritten(
  option: string,
  path: string,
  error: unknown,
  remedy = "Name a file in a folder that this user may write to.",
): Failure {
  return new Failure(
    {
      code: "FILE_NOT_WRITTEN",
      kind: "usage",
      message: `${option}: ${path} can't be written: ${reasonOf(error)}.`,
      remedy,
    },
    { cause: error },
  );
}
