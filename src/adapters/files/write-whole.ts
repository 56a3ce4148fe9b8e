import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file as a whole: a reader, also after a crash, sees the old or the new content, never half of it. The
 * folder is made when absent. Readable by its owner only, unless another mode is given. Throws what node:fs throws.
 */
export function writeWhole(named: string, content: Uint8Array | string, mode = 0o600): void {
  const path = throughLink(named);
  // A device or a pipe (/dev/stdout) is written to, never replaced by a file.
  if (/^\/(?:dev|proc)\//.test(named) || statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
    writeFileSync(path, content);
    return;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${randomBytes(6).toString("hex")}.new`;
  try {
    writeFileSync(fresh, content, { mode, flag: "wx" });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

/** Where a link leads: the file itself is replaced, and the link stays. */
function throughLink(path: string): string {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink && statSync(path, { throwIfNoEntry: false }) !== undefined ? realpathSync(path) : path;
}
