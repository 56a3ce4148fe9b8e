import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { reasonOf } from "../../core/failure.ts";
import { digestOf } from "../../core/oci/digest.ts";
import { imageLayoutFailure, imageOfLayout, platformOfConfig } from "../../core/oci/image-layout.ts";
import type { Platform } from "../../core/oci/layout-builder.ts";
import { blobPath, ociLayoutFiles } from "../../core/oci/layout-files.ts";
import { parsePlatformManifest } from "../../core/oci/parse.ts";
import type { BlobDescriptor } from "../../core/oci/parse.ts";

/** An OCI layout directory on disk that holds one image, every blob of it hashed. */
export interface ImageLayout {
  readonly folder: string;
  readonly manifest: BlobDescriptor & { readonly bytes: Uint8Array };
  /** Config and layers, each once. */
  readonly blobs: readonly BlobDescriptor[];
  readonly platform: Platform;
  /**
   * Whether the folder is a function of the image alone, so that its NAR hash can be computed again from what a registry
   * holds: index.json and oci-layout are those of core/oci/layout-files.ts, and there is nothing else.
   */
  readonly recomputable: boolean;
  /** A blob's bytes, hashed again. */
  readonly read: (blob: BlobDescriptor) => Uint8Array;
}

/**
 * Opens a layout and checks all of it: one image, every blob there and hashing to its name. `where` names it in
 * messages. Throws LAYOUT_INVALID, LAYOUT_NOT_ONE_IMAGE, LAYOUT_BLOB_MISSING and LAYOUT_BLOB_MISMATCH.
 */
export async function openImageLayout(folder: string, where: string, signal?: AbortSignal): Promise<ImageLayout> {
  const file = (path: string): Uint8Array => {
    try {
      return readFileSync(join(folder, path));
    } catch (error) {
      const found = `no file that can be read (${reasonOf(error)})`;
      throw imageLayoutFailure("LAYOUT_INVALID", where, { expected: `${path} in ${folder}`, found });
    }
  };
  const [marker, index] = [file("oci-layout"), file("index.json")];
  const descriptor = imageOfLayout({ marker, index }, where);
  await requireBlob(folder, where, descriptor, signal);
  const bytes = file(blobPath(descriptor.digest));
  const parsed = parsePlatformManifest(bytes, descriptor.digest);
  if (!parsed.ok) {
    const { expected, found } = parsed.findings[0];
    throw imageLayoutFailure("LAYOUT_INVALID", where, { expected, found });
  }
  const { config, layers } = parsed.proof;
  const blobs = [...new Map([config, ...layers].map((blob) => [blob.digest, blob])).values()];
  for (const blob of blobs) await requireBlob(folder, where, blob, signal);
  const read = (blob: BlobDescriptor): Uint8Array => {
    const content = file(blobPath(blob.digest));
    const found = digestOf(content);
    if (found !== blob.digest)
      throw imageLayoutFailure("LAYOUT_BLOB_MISMATCH", where, { expected: blob.digest, found });
    return content;
  };
  const plain = ociLayoutFiles([descriptor], []);
  const same = (path: string, content: Uint8Array): boolean =>
    Buffer.compare(plain.get(path) ?? Buffer.alloc(0), content) === 0;
  const listed = await filesBelow(folder);
  const expected = new Set([...plain.keys(), ...[descriptor, ...blobs].map(({ digest }) => blobPath(digest))]);
  return {
    folder,
    manifest: { ...descriptor, bytes },
    blobs,
    platform: platformOfConfig(read(config), where),
    recomputable:
      same("oci-layout", marker) && same("index.json", index) && listed.symmetricDifference(expected).size === 0,
    read,
  };
}

/** Hashes a blob without keeping it: a layer may be larger than memory. */
async function requireBlob(folder: string, where: string, blob: BlobDescriptor, signal?: AbortSignal): Promise<void> {
  const path = join(folder, blobPath(blob.digest));
  let size: number;
  const hash = createHash("sha256");
  try {
    size = (await stat(path)).size;
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, ...(signal && { signal }) })) {
      hash.update(chunk as Buffer);
    }
  } catch (error) {
    signal?.throwIfAborted();
    const expected = `the blob ${blobPath(blob.digest)}, which the image names`;
    throw imageLayoutFailure("LAYOUT_BLOB_MISSING", where, { expected, found: reasonOf(error) });
  }
  const digest = `sha256:${hash.digest("hex")}`;
  if (digest === blob.digest && size === blob.size) return;
  throw imageLayoutFailure("LAYOUT_BLOB_MISMATCH", where, {
    expected: `${blob.size} bytes in ${blobPath(blob.digest)} that hash to its name`,
    found: `${size} bytes, ${digest}`,
  });
}

/** Paths of all that lies below and is no folder; what an archive would tell from a plain file is marked. */
async function filesBelow(folder: string): Promise<Set<string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = new Set<string>();
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const plain = entry.isFile() && ((await stat(path)).mode & 0o100) === 0;
    paths.add(`${relative(folder, path)}${plain ? "" : " (executable, or no file)"}`);
  }
  return paths;
}
