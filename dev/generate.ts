import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { generatedFiles, generatedFolders } from "./generated-files.ts";

/**
 * `node dev/generate.ts` writes the generated files; `--check` writes nothing and exits 1 when one differs, naming it.
 * `--root <folder>` works on another folder than this checkout.
 */

export type Difference = { readonly path: string; readonly why: "missing" | "differs" | "not generated any more" };

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** What `make generate` would change below `root`, in a fixed order. */
export function differences(root: string): Difference[] {
  const changed = generatedFiles.flatMap(({ path, content }): Difference[] => {
    const found = readText(join(root, path));
    if (found === content()) return [];
    return [{ path, why: found === undefined ? "missing" : "differs" }];
  });
  const known = new Set(generatedFiles.map((file) => file.path));
  const leftovers = generatedFolders
    .flatMap((folder) => filesIn(join(root, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => !known.has(path));
  return [...changed, ...leftovers.map((path): Difference => ({ path, why: "not generated any more" }))];
}

/** Writes every generated file below `root`; files that are already right are left alone. Leftovers are not removed. */
export function writeGeneratedFiles(root: string): string[] {
  const written: string[] = [];
  for (const { path, content } of generatedFiles) {
    const target = join(root, path);
    const text = content();
    if (readText(target) === text) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    written.push(path);
  }
  return written;
}

function main(): void {
  const { values } = parseArgs({ options: { check: { type: "boolean" }, root: { type: "string" } } });
  const root = resolve(values.root ?? join(import.meta.dirname, ".."));
  if (values.check === true) {
    const found = differences(root);
    for (const { path, why } of found) console.error(`${path}: ${why}`);
    if (found.length > 0) {
      console.error('Run "make generate" and commit the result; remove files that are not generated any more.');
      process.exitCode = 1;
    }
    return;
  }
  for (const path of writeGeneratedFiles(root)) console.log(`wrote ${path}`);
  for (const { path, why } of differences(root)) console.log(`${path}: ${why}; remove it`);
}

if (import.meta.main) main();
