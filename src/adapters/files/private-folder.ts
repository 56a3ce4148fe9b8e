import { lstatSync, mkdirSync } from "node:fs";
import { Failure } from "../../core/failure.ts";

/**
 * Makes a folder that nobody but this user can read or write, or takes one that is there: what is checked in it stays
 * what it was. A link, a folder of somebody else's, or one that others may write to, is refused.
 * Throws FOLDER_NOT_PRIVATE (usage), and what node:fs throws.
 */
export function ensurePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const status = lstatSync(folder);
  const fault = !status.isDirectory()
    ? "is not a folder"
    : status.uid !== process.getuid?.()
      ? "belongs to another user"
      : (status.mode & 0o077) !== 0
        ? "can be opened by other users"
        : undefined;
  if (fault === undefined) return;
  throw new Failure({
    code: "FOLDER_NOT_PRIVATE",
    kind: "usage",
    message: `${folder} ${fault}: what is checked there could be changed before it is used.`,
    remedy: `Remove it, or run: chmod 700 ${folder}`,
  });
}
