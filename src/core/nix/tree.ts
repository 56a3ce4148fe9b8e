import { narFailure } from "./nar-failure.ts";

/**
 * What a NAR holds: the parts of a file system that Nix keeps. No owners, times or modes but "executable", so that one
 * content has one archive (Dolstra 2006, section 5.2).
 */
export type NarNode = NarFile | NarDirectory | NarSymlink;

export interface NarFile {
  readonly kind: "file";
  readonly executable: boolean;
  readonly contents: Uint8Array;
}

export interface NarDirectory {
  readonly kind: "directory";
  /** By name, in any order: the archive sorts them by their UTF-8 bytes. */
  readonly entries: ReadonlyMap<string, NarNode>;
}

export interface NarSymlink {
  readonly kind: "symlink";
  readonly target: string;
}

/** A file's bytes with its one mode bit, as it lies in a list of files by path. */
export type FileContents = Omit<NarFile, "kind">;

/** Files by name within their folders, made from files by path. */
export type Folder<Leaf> = ReadonlyMap<string, FolderEntry<Leaf>>;
export type FolderEntry<Leaf> =
  { readonly kind: "leaf"; readonly leaf: Leaf } | { readonly kind: "folder"; readonly entries: Folder<Leaf> };

/**
 * Sorts files at relative paths such as `blobs/sha256/…` into folders. Throws NAR_NAME for an absolute path or one
 * with empty, `.` or `..` segments, NAR_DUPLICATE when a path is a file and a folder at once.
 */
export function foldersOf<Leaf>(files: ReadonlyMap<string, Leaf>): Folder<Leaf> {
  const root = new Map<string, FolderEntry<Leaf>>();
  const folders = new Map([["", root]]);
  function folderAt(path: string): Map<string, FolderEntry<Leaf>> {
    const known = folders.get(path);
    if (known !== undefined) return known;
    const entries = new Map<string, FolderEntry<Leaf>>();
    add(path, { kind: "folder", entries });
    folders.set(path, entries);
    return entries;
  }
  function add(path: string, entry: FolderEntry<Leaf>): void {
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    requireEntryName(name, path);
    // A path that begins with a slash has an empty first name, which is refused there.
    if (slash === 0) requireEntryName("", path);
    const parent = folderAt(slash < 0 ? "" : path.slice(0, slash));
    if (parent.has(name)) throw narFailure("NAR_DUPLICATE", `${JSON.stringify(path)} is a file and a folder at once.`);
    parent.set(name, entry);
  }
  for (const [path, leaf] of files) add(path, { kind: "leaf", leaf });
  return root;
}

/** The tree of files at relative paths; bytes alone mean a file that is not executable. Throws as `foldersOf`. */
export function treeOfFiles(files: ReadonlyMap<string, Uint8Array | FileContents>): NarDirectory {
  return directoryOf(foldersOf(files));
}

function directoryOf(folder: Folder<Uint8Array | FileContents>): NarDirectory {
  const entries = Array.from(folder, ([name, entry]): [string, NarNode] => {
    if (entry.kind === "folder") return [name, directoryOf(entry.entries)];
    const file = entry.leaf instanceof Uint8Array ? { executable: false, contents: entry.leaf } : entry.leaf;
    return [name, { kind: "file", executable: file.executable, contents: file.contents }];
  });
  return { kind: "directory", entries: new Map(entries) };
}

/** Throws NAR_NAME unless the name can be one entry of a directory and has a UTF-8 form. */
export function requireEntryName(name: string, where: string): void {
  const legal = name !== "" && name !== "." && name !== ".." && !name.includes("/") && !name.includes("\0");
  if (!legal || !name.isWellFormed()) {
    throw narFailure(
      "NAR_NAME",
      `${JSON.stringify(name.slice(0, 100))} in ${JSON.stringify(where.slice(0, 200))} can't name an entry.`,
    );
  }
}
