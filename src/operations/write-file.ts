import { writeWhole } from "../adapters/files/write-whole.ts";

/** Writes a result that others may read, whole or not at all. Throws what node:fs throws. */
export function writeFileWhole(path: string, content: Uint8Array): void {
  writeWhole(path, content, 0o644);
}
