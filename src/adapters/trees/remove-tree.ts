import { chmodSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * Removes a tree whose folders may be read-only, as Nix makes them. True when nothing is left; false when it may not be
 * removed by this user. Never follows a link.
 */
export function removeTree(path: string): boolean {
  try {
    makeWritable(path);
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    return true;
  } catch {
    return false;
  }
}

function makeWritable(path: string): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined || !status.isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path, { withFileTypes: true })) {
    if (name.isDirectory()) makeWritable(join(path, name.name));
  }
}
