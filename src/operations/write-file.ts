import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { writeWhole } from "../adapters/files/write-whole.ts";

/** Writes a result that others may read, whole or not at all. Throws what node:fs throws. */
export function writeFileWhole(path: string, content: Uint8Array): void {
  writeWhole(path, content, 0o644);
}

/**
 * Whether writeFileWhole could write there, as far as can be known beforehand: asked before long work whose result it
 * is. Throws what node:fs throws, or an Error that says why not.
 */
export function assertWritable(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) throw new Error("it is a folder");
  let folder = dirname(resolve(path));
  while (!existsSync(folder)) folder = dirname(folder); // those that are absent are made
  if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`);
  accessSync(folder, constants.W_OK | constants.X_OK);
}

/** Whether files can be written into a folder that exists already. Throws what node:fs throws, or an Error that says why not. */
export function assertWritableFolder(path: string): void {
  if (!statSync(path).isDirectory()) throw new Error("it is not a folder");
  accessSync(path, constants.W_OK | constants.X_OK);
}
