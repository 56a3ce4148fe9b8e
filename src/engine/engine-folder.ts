import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readlinkSync, renameSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Directories } from "../adapters/directories/directories.ts";
import { findProgram } from "../adapters/processes/find-program.ts";
import type { Engine } from "./find-engine.ts";

/** What the engine runs this project's program with; it looks for it beside itself and on PATH. */
const languageHost = "pulumi-language-nodejs";

export interface EngineFolderContext {
  readonly directories: Directories;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * A folder to put on PATH, so that `pulumi` runs this checkout's program: the engine's own where an official language host
 * is beside it or on PATH, as with an installed Pulumi; else one in the cache with links to the engine and to the
 * checkout's host (dev/language-host). One folder per checkout, as each has a host of its own.
 */
export function engineFolder(engine: Engine, { directories, environment }: EngineFolderContext): string {
  const own = dirname(engine.command);
  const ours = join(directories.checkout, "dev", "language-host", languageHost);
  // A published package has no checkout, and so no program to run.
  if (existsSync(join(own, languageHost)) || !existsSync(ours)) return own;
  const id = createHash("sha256").update(directories.checkout).digest("hex").slice(0, 12);
  const folder = join(directories.cache, "engine", id);
  const found = findProgram(languageHost, environment);
  if (engine.source === "path" && found !== undefined && dirname(found) !== folder) return own;
  mkdirSync(folder, { recursive: true });
  // Put on PATH, it is where the engine is found the next time.
  if (own !== folder) link(engine.command, join(folder, "pulumi"));
  link(ours, join(folder, languageHost));
  return folder;
}

/** Makes or moves a link; whoever looks meanwhile sees the old one or the new one. */
function link(target: string, path: string): void {
  try {
    if (readlinkSync(path) === target) return;
  } catch {
    // Not there yet, or no link.
  }
  const fresh = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}`);
  symlinkSync(target, fresh);
  renameSync(fresh, path);
}
