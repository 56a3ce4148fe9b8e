import { createHash } from "node:crypto";
import { sriOfSha256 } from "./hash-formats.ts";
import { narFailure } from "./nar-failure.ts";
import { createNarWriter } from "./nar-writer.ts";
import type { SriSha256 } from "./hash-formats.ts";
import type { NarSink, NarWriter } from "./nar-writer.ts";
import type { NarDirectory, NarNode } from "./tree.ts";

/** What Nix knows a tree by: the SHA-256 of its archive, and the archive's size in bytes. */
export interface NarDigest {
  readonly narHash: SriSha256;
  readonly narSize: number;
}

/** Directories within directories that a tree or an archive may have; far more than any release, far less than a stack holds. */
export const maximumDepth = 512;

/** The archive of a tree as one value; for hashing alone use `narHash`, which keeps nothing. */
export function narBytes(tree: NarNode): Uint8Array {
  const chunks: Uint8Array[] = [];
  writeNar(tree, (chunk) => chunks.push(Buffer.from(chunk)));
  return Buffer.concat(chunks);
}

/** The NAR hash that `nix hash path` prints for the same tree on disk. */
export function narHash(tree: NarNode): NarDigest {
  const hash = createHash("sha256");
  const narSize = writeNar(tree, (chunk) => hash.update(chunk));
  return { narHash: sriOfSha256(hash.digest()), narSize };
}

/** Writes a tree's archive to a sink and returns its size. Throws NAR_NAME, NAR_TARGET, NAR_DUPLICATE, NAR_TOO_DEEP. */
export function writeNar(tree: NarNode, sink: NarSink): number {
  const writer = createNarWriter(sink);
  writeNode(writer, tree, 0);
  return writer.end();
}

function writeNode(writer: NarWriter, node: NarNode, depth: number): void {
  switch (node.kind) {
    case "file":
      writer.startFile({ executable: node.executable, size: node.contents.length });
      writer.contents(node.contents);
      writer.endFile();
      return;
    case "symlink":
      writer.symlink(node.target);
      return;
    case "directory":
      if (depth >= maximumDepth) throw narFailure("NAR_TOO_DEEP", `A tree has more than ${maximumDepth} levels.`);
      writer.startDirectory();
      for (const [name, entry] of sortedEntries(node)) {
        writer.entry(name);
        writeNode(writer, entry, depth + 1);
      }
      writer.endDirectory();
      return;
  }
}

/** By UTF-8 bytes, which is not the order of JavaScript's strings: U+FF5E sorts before U+1F600 in bytes only. */
function sortedEntries(directory: NarDirectory): (readonly [Buffer | string, NarNode])[] {
  const keyed = Array.from(directory.entries, ([name, node]) => ({ name, bytes: Buffer.from(name, "utf8"), node }));
  keyed.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  // The writer gets the text, not the bytes: it refuses text that has no UTF-8 form.
  return keyed.map(({ name, node }) => [name, node] as const);
}
