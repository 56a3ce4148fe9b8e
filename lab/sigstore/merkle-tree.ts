import { createHash } from "node:crypto";

/** RFC 6962, section 2.1: leaves are hashed with prefix 0, nodes with prefix 1. */
export function hashLeaf(leaf: Uint8Array): Buffer {
  return createHash("sha256").update(Buffer.of(0)).update(leaf).digest();
}

export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash("sha256").update(Buffer.of(1)).update(left).update(right).digest();
}

export interface MerkleTree {
  readonly size: number;
  /** Adds a leaf and returns its index. */
  append(leaf: Uint8Array): number;
  leafHash(index: number): Buffer;
  /** Root of the tree's first `size` leaves; all of them unless given. */
  root(size?: number): Buffer;
  /** Audit path of a leaf in the tree of the first `size` leaves, from the leaf upwards (RFC 6962, section 2.1.1). */
  inclusionProof(index: number, size?: number): Buffer[];
  /** Proof that the tree of `second` leaves extends that of `first` (RFC 6962, section 2.1.2). */
  consistencyProof(first: number, second?: number): Buffer[];
}

/** An append-only tree. Hashes of complete subtrees never change, so they are kept. */
export function createMerkleTree(): MerkleTree {
  const leaves: Buffer[] = [];
  const complete = new Map<string, Buffer>();

  /** MTH(D[start:start+size]) */
  const hashOf = (start: number, size: number): Buffer => {
    if (size === 0) return createHash("sha256").digest();
    if (size === 1) return leaves[start] ?? missing(start);
    const key = `${start}:${size}`;
    const known = complete.get(key);
    if (known !== undefined) return known;
    const half = split(size);
    const hash = hashNode(hashOf(start, half), hashOf(start + half, size - half));
    if (half * 2 === size) complete.set(key, hash);
    return hash;
  };

  const path = (index: number, start: number, size: number): Buffer[] => {
    if (size <= 1) return [];
    const half = split(size);
    return index < half
      ? [...path(index, start, half), hashOf(start + half, size - half)]
      : [...path(index - half, start + half, size - half), hashOf(start, half)];
  };

  const subproof = (first: number, start: number, size: number, whole: boolean): Buffer[] => {
    if (first === size) return whole ? [] : [hashOf(start, size)];
    const half = split(size);
    return first <= half
      ? [...subproof(first, start, half, whole), hashOf(start + half, size - half)]
      : [...subproof(first - half, start + half, size - half, false), hashOf(start, half)];
  };

  const known = (size: number): number => {
    if (!Number.isInteger(size) || size < 0 || size > leaves.length)
      throw new RangeError(`the log has no tree of ${size} leaves`);
    return size;
  };

  return {
    get size() {
      return leaves.length;
    },
    append: (leaf) => leaves.push(hashLeaf(leaf)) - 1,
    leafHash: (index) => leaves[index] ?? missing(index),
    root: (size = leaves.length) => hashOf(0, known(size)),
    inclusionProof: (index, size = leaves.length) => {
      if (index < 0 || index >= known(size)) throw new RangeError(`no leaf ${index} in a tree of ${size}`);
      return path(index, 0, size);
    },
    consistencyProof: (first, second = leaves.length) => {
      if (first < 1 || first > known(second))
        throw new RangeError(`no tree of ${first} leaves within one of ${second}`);
      return subproof(first, 0, second, true);
    },
  };
}

function missing(index: number): never {
  throw new RangeError(`no leaf ${index}`);
}

/** The largest power of two smaller than `size`. */
function split(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}
