import { createHash } from "node:crypto";
import { Failure } from "../../core/failure.ts";
import { sriOfSha256 } from "../../core/nix/hash-formats.ts";
import { createNarWriter } from "../../core/nix/nar-writer.ts";
import { foldersOf } from "../../core/nix/tree.ts";
import type { NarDigest } from "../../core/nix/nar.ts";
import type { NarWriter } from "../../core/nix/nar-writer.ts";
import type { Folder } from "../../core/nix/tree.ts";

/** A file of an OCI layout: its bytes, or its size and where they come from (a registry's blob, for example). */
export type LayoutFile = Uint8Array | { readonly size: number; readonly read: () => AsyncIterable<Uint8Array> };

/**
 * The NAR hash of an OCI layout directory that does not lie on disk: what `verify-image --deep` compares with the
 * release manifest. `files` are `oci-layout`, `index.json` and `blobs/sha256/<hex>`, by path; none is executable.
 *
 * Each blob's bytes are hashed here and compared with its name, whatever the source said of them. Throws
 * LAYOUT_BLOB_MISMATCH for other bytes or another size, and NAR_NAME or NAR_DUPLICATE for impossible paths.
 */
export async function narFromOciLayout(files: ReadonlyMap<string, LayoutFile>): Promise<NarDigest> {
  const hash = createHash("sha256");
  const writer = createNarWriter((chunk) => hash.update(chunk));
  await writeFolder(writer, foldersOf(files), "");
  const narSize = writer.end();
  return { narHash: sriOfSha256(hash.digest()), narSize };
}

async function writeFolder(writer: NarWriter, folder: Folder<LayoutFile>, path: string): Promise<void> {
  writer.startDirectory();
  const sorted = [...folder].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const [name, entry] of sorted) {
    writer.entry(name);
    const below = `${path}${name}`;
    if (entry.kind === "folder") await writeFolder(writer, entry.entries, `${below}/`);
    else await writeFile(writer, entry.leaf, below);
  }
  writer.endDirectory();
}

const blobPath = /^blobs\/sha256\/(.*)$/;

async function writeFile(writer: NarWriter, file: LayoutFile, path: string): Promise<void> {
  const size = file instanceof Uint8Array ? file.length : file.size;
  const blobHash = createHash("sha256");
  let read = 0;
  writer.startFile({ executable: false, size });
  for await (const chunk of file instanceof Uint8Array ? [file] : file.read()) {
    read += chunk.length;
    if (read > size) throw mismatch(path, `${size} bytes`, "more");
    blobHash.update(chunk);
    writer.contents(chunk);
  }
  if (read < size) throw mismatch(path, `${size} bytes`, `${read}`);
  const named = blobPath.exec(path)?.[1];
  const found = blobHash.digest("hex");
  if (named !== undefined && named !== found) throw mismatch(path, `sha256:${named}`, `sha256:${found}`);
  writer.endFile();
}

function mismatch(path: string, expected: string, found: string): Failure {
  return new Failure({
    code: "LAYOUT_BLOB_MISMATCH",
    kind: "refused",
    message: `${path} must have ${expected}, but has ${found}.`,
    remedy: "Fetch the image again from a registry that serves its bytes unchanged.",
  });
}
