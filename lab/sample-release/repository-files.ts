import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../src/core/failure.ts";
import type { FileContents } from "../../src/core/nix/tree.ts";

/** Files by their path in the repository, with `/`, sorted by path. */
export type RepositoryFiles = ReadonlyMap<string, FileContents>;

/** What a build tool or an editor leaves behind and no repository holds. */
const ignored = /^(?:\..*|.*~|.*\.log|.*\.tmp|node_modules|coverage|dist)$/;

/**
 * Reads the files of folders (or single files) of a checkout, from disk and not from git, so that a release tarball
 * gives the same. Passes over what no repository holds; a symbolic link or device is refused.
 *
 * Throws SAMPLE_FILES_MISSING when one of the paths is absent or holds no file, SAMPLE_FILE_UNSUPPORTED otherwise.
 */
export async function readRepositoryFiles(checkout: string, paths: readonly string[]): Promise<RepositoryFiles> {
  const files = new Map<string, FileContents>();
  for (const path of paths) {
    const before = files.size;
    await readInto(files, checkout, path);
    if (files.size === before) throw missing(checkout, path);
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function readInto(files: Map<string, FileContents>, checkout: string, path: string): Promise<void> {
  const place = join(checkout, path);
  const stats = await lstat(place).catch((error: unknown) => {
    throw missing(checkout, path, error);
  });
  if (stats.isDirectory()) {
    const names = (await readdir(place)).filter((name) => !ignored.test(name));
    for (const name of names) await readInto(files, checkout, `${path}/${name}`);
  } else if (stats.isFile()) {
    files.set(path, { executable: (stats.mode & 0o100) !== 0, contents: await readFile(place) });
  } else {
    throw new Failure({
      code: "SAMPLE_FILE_UNSUPPORTED",
      kind: "usage",
      message: `${place} is neither a file nor a folder, so the sample release can't hold it.`,
      remedy: "Remove it from the checkout.",
    });
  }
}

function missing(checkout: string, path: string, cause?: unknown): Failure {
  return new Failure(
    {
      code: "SAMPLE_FILES_MISSING",
      kind: "usage",
      message: `The sample release is made of ${path}, and ${checkout} has no file there.`,
      remedy: "Run from a whole checkout of the repository.",
    },
    { cause },
  );
}
