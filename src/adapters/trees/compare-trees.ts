import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import type { Stats } from "node:fs";

/** One difference between two trees, of those that a Nix archive tells apart. */
export interface TreeDifference {
  /** Relative to the trees; `.` for the trees themselves. Bytes that are no UTF-8 are replaced. */
  readonly path: string;
  readonly what: "missing" | "added" | "kind" | "executable" | "target" | "size" | "contents";
  /** What the first tree has, and the second: a kind, a size in bytes, a target. */
  readonly first: string;
  readonly second: string;
  /** For files: the first byte that differs, counted from 0. */
  readonly offset?: number;
}

/**
 * The first differences between two trees on disk, in the order of their names' bytes, `limit` at most. None means that
 * both have the same NAR. Throws what node:fs throws.
 */
export function compareTrees(first: string, second: string, limit: number): TreeDifference[] {
  const found: TreeDifference[] = [];
  const bytes = (path: string): string => Buffer.from(path, "utf8").toString("latin1");
  compareNodes({ found, limit, first: bytes(first), second: bytes(second) }, "");
  return found;
}

/** Paths are bytes in a string, one code unit per byte: a name on Linux need not be UTF-8. */
interface Comparison {
  readonly found: TreeDifference[];
  readonly limit: number;
  readonly first: string;
  readonly second: string;
}

function compareNodes(comparison: Comparison, path: string): void {
  if (comparison.found.length >= comparison.limit) return;
  const [a, b] = [placeOf(comparison.first, path), placeOf(comparison.second, path)];
  const [first, second] = [lstatSync(a), lstatSync(b)];
  const tell = tellOf(comparison, path);
  const [kind, otherKind] = [kindOf(first), kindOf(second)];
  if (kind !== otherKind) {
    tell("kind", kind, otherKind);
  } else if (kind === "folder") {
    compareFolders(comparison, path);
  } else if (kind === "link") {
    const [target, otherTarget] = [readlinkSync(a, "latin1"), readlinkSync(b, "latin1")];
    if (target !== otherTarget) tell("target", shown(target), shown(otherTarget));
  } else {
    const executable = isExecutable(first);
    if (executable !== isExecutable(second)) {
      tell("executable", executable ? "executable" : "not executable", executable ? "not executable" : "executable");
    }
    const offset = firstDifference(a, b);
    if (offset !== undefined) {
      const what = first.size === second.size ? "contents" : "size";
      tell(what, `${first.size} bytes`, `${second.size} bytes`, offset);
    }
  }
}

function compareFolders(comparison: Comparison, path: string): void {
  const list = (root: string): Set<string> => new Set(readdirSync(placeOf(root, path), { encoding: "latin1" }));
  const [first, second] = [list(comparison.first), list(comparison.second)];
  for (const name of [...first.union(second)].sort((a, b) => (a < b ? -1 : 1))) {
    if (comparison.found.length >= comparison.limit) return;
    const below = path === "" ? name : `${path}/${name}`;
    const tell = tellOf(comparison, below);
    if (!second.has(name)) tell("missing", kindOf(lstatSync(placeOf(comparison.first, below))), "nothing");
    else if (!first.has(name)) tell("added", "nothing", kindOf(lstatSync(placeOf(comparison.second, below))));
    else compareNodes(comparison, below);
  }
}

type Tell = (what: TreeDifference["what"], first: string, second: string, offset?: number) => void;

function tellOf({ found }: Comparison, path: string): Tell {
  return (what, first, second, offset) => {
    found.push({
      path: path === "" ? "." : shown(path),
      what,
      first,
      second,
      ...(offset === undefined ? {} : { offset }),
    });
  };
}

const chunkSize = 256 * 1024;

/** Where two files differ first; the end of the shorter one counts. */
function firstDifference(a: Buffer, b: Buffer): number | undefined {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const descriptors = [openSync(a, flags)];
  try {
    descriptors.push(openSync(b, flags));
    const buffers = [Buffer.allocUnsafe(chunkSize), Buffer.allocUnsafe(chunkSize)];
    for (let offset = 0; ; offset += chunkSize) {
      const [first, second] = descriptors.map((descriptor, index) => {
        const buffer = buffers[index] ?? Buffer.alloc(chunkSize);
        return buffer.subarray(0, readWhole(descriptor, buffer, offset));
      });
      if (first === undefined || second === undefined) return undefined;
      if (!first.equals(second)) {
        const shorter = Math.min(first.length, second.length);
        for (let index = 0; index < shorter; index++) if (first[index] !== second[index]) return offset + index;
        return offset + shorter;
      }
      if (first.length < chunkSize) return undefined;
    }
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/** A read may give less than was asked for before the end. */
function readWhole(descriptor: number, buffer: Buffer, offset: number): number {
  let filled = 0;
  for (;;) {
    const count = readSync(descriptor, buffer, filled, buffer.length - filled, offset + filled);
    filled += count;
    if (count === 0 || filled === buffer.length) return filled;
  }
}

function kindOf(status: Stats): string {
  if (status.isFile()) return "file";
  if (status.isDirectory()) return "folder";
  return status.isSymbolicLink() ? "link" : "something else";
}

function isExecutable(status: Stats): boolean {
  return (status.mode & constants.S_IXUSR) !== 0;
}

function placeOf(root: string, path: string): Buffer {
  return Buffer.from(path === "" ? root : `${root}/${path}`, "latin1");
}

function shown(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
