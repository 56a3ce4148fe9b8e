// Plain JavaScript for any Node from 18 on, as it is loaded before the version is checked.
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// An import would make Node read every export of it, and load what those need: 6 ms of every start.
const { lstatSync, mkdirSync } = createRequire(import.meta.url)("node:fs");

/**
 * A folder for code that nobody else can write to, or undefined: what lies there is run without asking whose it is. Made
 * when absent, by its name's parts, below `$NEKO_TRUST_CACHE`, else `$XDG_CACHE_HOME/neko-trust`, else
 * `~/.cache/neko-trust`.
 */
export function privateFolder(parts, environment = process.env) {
  try {
    // A container's user may have no home: then there is no such folder.
    const cacheHome = () => environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache");
    const cache = environment.NEKO_TRUST_CACHE || join(cacheHome(), "neko-trust");
    const folders = [cache, ...parts.map((_, index) => join(cache, ...parts.slice(0, index + 1)))];
    const folder = folders[folders.length - 1];
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folders.every(isOurs) ? folder : undefined;
  } catch {
    return undefined;
  }
}

function isOurs(path) {
  const status = lstatSync(path);
  return status.isDirectory() && status.uid === process.getuid?.() && (status.mode & 0o022) === 0;
}
