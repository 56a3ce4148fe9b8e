import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";

/**
 * Reads a file that a person named and that is meant to be small. A folder, pipe, socket or device is refused at once
 * (a pipe would be waited for, a device may have no end), and more than `most` bytes are refused before they are read,
 * with the errno EFBIG. Throws what node:fs throws.
 */
export function readRegularFile(path: string, most: number): Buffer {
  // Opening a pipe waits for its writer, but not so.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new Error("it is not a file");
    if (stat.size > most) throw tooLarge(`it has ${stat.size} bytes, and at most ${most} are read`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function tooLarge(message: string): Error {
  return Object.assign(new Error(message), { code: "EFBIG" });
}

/** Whether an error is readRegularFile's about a file that is too large. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EFBIG";
}
