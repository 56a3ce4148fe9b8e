// Plain JavaScript for any Node from 18 on, as it is loaded before the version is checked.
import { lstatSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * A folder for Node's compile cache that nobody else can write to, or undefined: Node runs what lies there without
 * asking whose it is. Below `$NEKO_TRUST_CACHE`, else `$XDG_CACHE_HOME/neko-trust`, else `~/.cache/neko-trust`.
 */
export function compileCache(environment = process.env) {
  const home = environment.HOME || homedir();
  const cache = environment.NEKO_TRUST_CACHE || join(environment.XDG_CACHE_HOME || join(home, ".cache"), "neko-trust");
  const folder = join(cache, "node-compile");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return [cache, folder].every(isOurs) ? folder : undefined;
  } catch {
    return undefined;
  }
}

function isOurs(path) {
  const status = lstatSync(path);
  return status.isDirectory() && status.uid === process.getuid?.() && (status.mode & 0o022) === 0;
}
