import { canonicalBytes } from "../json/canonical-json.ts";
import { digestOf } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { formatPlatform, mediaTypes } from "./formats.ts";
import { gzipPinned } from "./gzip.ts";
import { tarBytes } from "./tar.ts";
import type { TarEntry } from "./tar.ts";

/**
 * Pure construction of images with deterministic bytes: the same files and settings give the same digests, here and in
 * a rebuild. Documents are RFC 8785 JSON (OCI image-spec v1.1: config.md, manifest.md, image-index.md).
 */

/** Bytes and how others refer to them. */
export interface BuiltBlob {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly bytes: Uint8Array;
}

export interface Platform {
  /** `linux`. */
  readonly os: string;
  /** `amd64`, `arm64`. */
  readonly architecture: string;
  readonly variant?: string;
}

export interface BuiltLayer extends BuiltBlob {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
}

export interface LayerSettings {
  /** Seconds since 1970: every file's time stamp. */
  readonly sourceDateEpoch: number;
  /** `none` gives the same bytes on every machine; `gzip` (the default) with the same zlib. */
  readonly compression?: "gzip" | "none";
}

/** A layer of the given files. Throws LAYER_INVALID (tar.ts). */
export function buildLayer(entries: readonly TarEntry[], settings: LayerSettings): BuiltLayer {
  const tar = tarBytes(entries, settings.sourceDateEpoch);
  const diffId = digestOf(tar);
  if (settings.compression === "none") return { ...blobOf(mediaTypes.layer, tar), diffId };
  return { ...blobOf(mediaTypes.layerGzip, gzipPinned(tar)), diffId };
}

/** What a container runtime starts; the OCI names of the fields are written by `buildImage`. */
export interface ImageSettings {
  readonly platform: Platform;
  /** Seconds since 1970: the image's creation time. */
  readonly sourceDateEpoch: number;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly user?: string;
  /** `8080/tcp`. */
  readonly exposedPorts?: readonly string[];
  /** Stored in the config; GHCR links the package by `org.opencontainers.image.source`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Stored in the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface BuiltImage {
  readonly platform: Platform;
  readonly manifest: BuiltBlob;
  readonly config: BuiltBlob;
  readonly layers: readonly BuiltLayer[];
}

/** One platform's image. */
export function buildImage(layers: readonly BuiltLayer[], settings: ImageSettings): BuiltImage {
  const config = documentOf(mediaTypes.config, configDocument(layers, settings));
  const manifest = documentOf(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
    ...present("annotations", settings.annotations),
  });
  return { platform: settings.platform, manifest, config, layers };
}

export interface BuiltIndex {
  readonly index: BuiltBlob;
  /** Sorted by platform, as the index lists them. */
  readonly images: readonly BuiltImage[];
}

/** A manifest that an index lists. */
export interface IndexEntry {
  readonly manifest: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  readonly platform: Platform;
}

/** An index of several platforms, sorted. Throws RangeError when two images are for one platform. */
export function buildIndex(
  images: readonly BuiltImage[],
  settings: { readonly annotations?: Readonly<Record<string, string>> } = {},
): BuiltIndex {
  const sorted = sortedByPlatform(images);
  return { index: indexOf(sorted, settings), images: sorted };
}

/** The index alone, of manifests that exist already. Throws as `buildIndex`. */
export function indexOf(
  entries: readonly IndexEntry[],
  settings: { readonly annotations?: Readonly<Record<string, string>> } = {},
): BuiltBlob {
  return documentOf(mediaTypes.index, {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: sortedByPlatform(entries).map(({ manifest: { mediaType, digest, size }, platform }) => {
      return { mediaType, digest, size, platform: platformOf(platform) };
    }),
    ...present("annotations", settings.annotations),
  });
}

function sortedByPlatform<Entry extends { readonly platform: Platform }>(entries: readonly Entry[]): Entry[] {
  const sorted = entries
    .map((entry) => ({ entry, name: formatPlatform({ ...entry.platform }) }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const twice = sorted.find(({ name }, position) => sorted[position - 1]?.name === name);
  if (twice !== undefined) throw new RangeError(`two images for the platform ${twice.name}`);
  return sorted.map(({ entry }) => entry);
}

function configDocument(layers: readonly BuiltLayer[], settings: ImageSettings): object {
  const created = isoTime(settings.sourceDateEpoch);
  const environment = Object.entries(settings.environment ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort();
  const ports = Object.fromEntries((settings.exposedPorts ?? []).map((port) => [port, {}]));
  return {
    ...platformOf(settings.platform),
    created,
    config: {
      ...present("Entrypoint", settings.entrypoint),
      ...present("Cmd", settings.command),
      ...present("Env", environment.length === 0 ? undefined : environment),
      ...present("WorkingDir", settings.workingDirectory),
      ...present("User", settings.user),
      ...present("ExposedPorts", Object.keys(ports).length === 0 ? undefined : ports),
      ...present("Labels", settings.labels),
    },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map(() => ({ created, created_by: "neko-trust" })),
  };
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

function platformOf({ os, architecture, variant }: Platform): object {
  return { architecture, os, ...present("variant", variant) };
}

function present(key: string, value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined ? {} : { [key]: value };
}

function documentOf(mediaType: string, document: object): BuiltBlob {
  return blobOf(mediaType, canonicalBytes(document));
}

function blobOf(mediaType: string, bytes: Uint8Array): BuiltBlob {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes };
}

function descriptorOf({ mediaType, digest, size }: BuiltBlob): { mediaType: string; digest: Digest; size: number } {
  return { mediaType, digest, size };
}
