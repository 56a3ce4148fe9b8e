import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { createMerkleTree, hashLeaf, hashNode } from "../../../../lab/sigstore/merkle-tree.ts";

/** RFC 6962, section 2.1, word for word and without any cache: the reference. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return createHash("sha256").digest();
  if (leaves.length === 1) return hashLeaf(only);
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return hashNode(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

/** RFC 9162, section 2.1.3.2: verification of an inclusion proof, from the other side. */
function rootFromProof(leaf: Buffer, index: number, size: number, proof: readonly Buffer[]): Buffer | undefined {
  let [fn, sn, hash] = [index, size - 1, hashLeaf(leaf)];
  for (const part of proof) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      hash = hashNode(part, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else {
      hash = hashNode(hash, part);
    }
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return sn === 0 ? hash : undefined;
}

/** RFC 9162, section 2.1.4.2: verification of a consistency proof; the two roots that it leads to. */
function rootsFromProof(
  first: number,
  second: number,
  firstRoot: Buffer,
  proof: readonly Buffer[],
): [Buffer, Buffer] | undefined {
  const path = (first & (first - 1)) === 0 ? [firstRoot, ...proof] : [...proof];
  let [fn, sn] = [first - 1, second - 1];
  while (fn % 2 === 1) [fn, sn] = [fn >> 1, sn >> 1];
  const [start, ...rest] = path;
  if (start === undefined) return undefined;
  let [fr, sr] = [start, start];
  for (const part of rest) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      [fr, sr] = [hashNode(part, fr), hashNode(part, sr)];
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else {
      sr = hashNode(sr, part);
    }
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return sn === 0 ? [fr, sr] : undefined;
}

const leavesOf = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => Buffer.from(`leaf ${index}`));

test("root, inclusion proofs and consistency proofs are RFC 6962's for every size up to 40", () => {
  const leaves = leavesOf(40);
  const tree = createMerkleTree();
  assert.deepEqual(tree.root(), rootOf([]));
  for (const [added, leaf] of leaves.entries()) {
    assert.equal(tree.append(leaf), added);
    const size = added + 1;
    assert.deepEqual(tree.root(), rootOf(leaves.slice(0, size)));
    for (let index = 0; index < size; index += 1) {
      assert.deepEqual(
        rootFromProof(leaves[index]!, index, size, tree.inclusionProof(index)),
        tree.root(),
        `leaf ${index} of ${size}`,
      );
      const proof = tree.consistencyProof(index + 1);
      if (index + 1 < size)
        assert.deepEqual(rootsFromProof(index + 1, size, tree.root(index + 1), proof), [
          tree.root(index + 1),
          tree.root(),
        ]);
      else assert.deepEqual(proof, []);
    }
  }
});

test("proofs against an older size stay the same however far the tree has grown", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(100), fc.nat(), (size, more, chosen) => {
      const leaves = leavesOf(size + more);
      const [small, large] = [createMerkleTree(), createMerkleTree()];
      leaves.slice(0, size).forEach((leaf) => small.append(leaf));
      leaves.forEach((leaf) => large.append(leaf));
      const index = chosen % size;
      assert.deepEqual(large.root(size), small.root());
      assert.deepEqual(large.inclusionProof(index, size), small.inclusionProof(index));
    }),
  );
});

test("proofs about leaves or trees that are not there are refused", () => {
  const tree = createMerkleTree();
  tree.append(Buffer.from("one"));
  assert.throws(() => tree.inclusionProof(1), RangeError);
  assert.throws(() => tree.inclusionProof(0, 2), RangeError);
  assert.throws(() => tree.consistencyProof(0), RangeError);
  assert.throws(() => tree.root(2), RangeError);
});
