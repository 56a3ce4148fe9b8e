import { canonicalBytes } from "../json/canonical-json.ts";
import type { Digest } from "./digest.ts";
import { mediaTypes } from "./formats.ts";
import type { BuiltImage, BuiltIndex } from "./layout-builder.ts";

/**
 * The file tree of an OCI layout directory (OCI image-spec v1.1, image-layout.md): `oci-layout`, `index.json` and
 * `blobs/sha256/<hex>`. The tree is a function of the blobs, so its NAR hash can be computed again from a registry.
 */

/** Paths with `/`, sorted, to contents. */
export type LayoutFiles = ReadonlyMap<string, Uint8Array>;

/** What index.json lists: a manifest or an index of the layout. */
export interface LayoutRoot {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  /** Written as `org.opencontainers.image.ref.name`. */
  readonly name?: string;
}

export interface LayoutBlob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** The tree for the given roots and blobs (manifests included); blobs are stored once. */
export function ociLayoutFiles(roots: readonly LayoutRoot[], blobs: readonly LayoutBlob[]): LayoutFiles {
  const files = new Map<string, Uint8Array>();
  for (const { digest, bytes } of blobs) files.set(blobPath(digest), bytes);
  for (const [path, bytes] of layoutDocuments(roots)) files.set(path, bytes);
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** What a layout holds besides blobs: `index.json`, which lists the roots, and `oci-layout`. */
export function layoutDocuments(roots: readonly LayoutRoot[]): LayoutFiles {
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: roots.map(entryOf) };
  return new Map([
    ["index.json", canonicalBytes(index)],
    ["oci-layout", canonicalBytes({ imageLayoutVersion: "1.0.0" })],
  ]);
}

/** One platform's image as a layout: what a Nix build of the image puts out. */
export function imageLayout(image: BuiltImage): LayoutFiles {
  return ociLayoutFiles([rootOf(image.manifest)], [image.manifest, image.config, ...image.layers]);
}

/** A whole release as a layout: the index and every platform. */
export function releaseLayout(release: BuiltIndex, name?: string): LayoutFiles {
  const root = { ...rootOf(release.index), ...(name === undefined ? {} : { name }) };
  const blobs = release.images.flatMap(({ manifest, config, layers }) => [manifest, config, ...layers]);
  return ociLayoutFiles([root], [release.index, ...blobs]);
}

/** Where a layout keeps a blob. */
export function blobPath(digest: Digest): string {
  return `blobs/sha256/${digest.slice("sha256:".length)}`;
}

function rootOf({ mediaType, digest, size }: LayoutRoot): LayoutRoot {
  return { mediaType, digest, size };
}

function entryOf({ mediaType, digest, size, platform, name }: LayoutRoot): object {
  return {
    mediaType,
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
    ...(name === undefined ? {} : { annotations: { "org.opencontainers.image.ref.name": name } }),
  };
}
