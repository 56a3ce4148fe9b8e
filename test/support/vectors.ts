import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { TestContext } from "node:test";

const project = resolve(import.meta.dirname, "..", "..");

/** Folder of the real material that nobody on this project made: `$NEKO_TRUST_VECTORS`, else `../shared/vectors`. */
export const vectorsDirectory: string =
  process.env["NEKO_TRUST_VECTORS"] ?? resolve(project, "..", "shared", "vectors");

/** Reads one file of the vectors; skips the test, with a printed reason, where they are absent. */
export function vector(t: TestContext, path: string): Buffer | undefined {
  const file = resolve(vectorsDirectory, path);
  if (existsSync(file)) return readFileSync(file);
  t.skip(`the vectors are absent: no ${file} (set NEKO_TRUST_VECTORS)`);
  return undefined;
}

/** As `vector`, for several files at once: all of them, or a skipped test. */
export function vectors<const Paths extends readonly string[]>(
  t: TestContext,
  ...paths: Paths
): { readonly [Index in keyof Paths]: Buffer } | undefined {
  const files = paths.map((path) => vector(t, path));
  return files.every((file) => file !== undefined) ? (files as { readonly [Index in keyof Paths]: Buffer }) : undefined;
}
