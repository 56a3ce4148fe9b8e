import { readRegularFile } from "../adapters/files/read-regular-file.ts";

/** Far more than any policy, root or key that is in use. */
export const maxTrustBytes = 4 * 1024 * 1024;

/** More than any document that a statement may hold, and than what Nix says of a large closure. */
const maxDocumentBytes = 32 * 1024 * 1024;

/** The bytes of a document's file that a command line names. Throws what node:fs throws; no file, or too large a one. */
export function readDocumentFile(path: string): Uint8Array {
  return readRegularFile(path, maxDocumentBytes);
}
