import { z } from "zod";
import { parseStrictJson } from "../json/strict-json.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked, FindingCode } from "../verify/finding.ts";
import type { Digest } from "./digest.ts";
import { digestSchema, formatPlatform, mediaTypes } from "./formats.ts";
import { checkedDocument } from "./strict-document.ts";

/**
 * Strict reading of what a release is made of (OCI image-spec v1.1: image-index.md, manifest.md): known media types,
 * nothing nested, no `urls` (bytes from elsewhere), no embedded `data`, no field that another reader could take for
 * something else. The bytes must have been hashed by the caller; `subject` names them in findings.
 */

/** A blob or manifest that a document names; `size` in bytes. */
export type BlobDescriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
};

/** One platform's image manifest, as the index lists it. */
export type PlatformDescriptor = BlobDescriptor & {
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string };
};

export interface ParsedIndex {
  readonly mediaType: string;
  /** In the order of the index; each platform, and each digest, once. */
  readonly manifests: readonly PlatformDescriptor[];
}

/** An image of one platform, or a referrer (then `artifactType` and `subject` are there, and exactly one layer). */
export interface ParsedManifest {
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly config: BlobDescriptor;
  readonly layers: readonly BlobDescriptor[];
  readonly subject?: BlobDescriptor;
  readonly annotations: Readonly<Record<string, string>>;
}

/** As many platforms as a release can name (core/release/manifest.ts), with room for more. */
const maxPlatforms = 64;
/** distribution-spec, "Pushing Manifests": registries take at least 4 MiB, and most take no more. */
const maxManifestBytes = 4 * 1024 * 1024;
/** Overlay file systems take fewer; hostile manifests list more. */
const maxLayers = 256;
/** 64 GiB: no layer of a release comes near it. */
const maxBlobBytes = 64 * 1024 ** 3;

const dockerConfig = "application/vnd.docker.container.image.v1+json";

/** An index lists manifests of its own family; Docker's names are those of distribution's schema 2. */
const manifestTypeOf = {
  [mediaTypes.index]: mediaTypes.manifest,
  [mediaTypes.dockerIndex]: mediaTypes.dockerManifest,
} as const;

const contentTypes = {
  [mediaTypes.manifest]: {
    config: mediaTypes.config,
    layers: [mediaTypes.layerGzip, mediaTypes.layer, "application/vnd.oci.image.layer.v1.tar+zstd"],
  },
  [mediaTypes.dockerManifest]: {
    config: dockerConfig,
    layers: ["application/vnd.docker.image.rootfs.diff.tar.gzip"],
  },
} as const;

const mediaType = z.string().min(1).max(255);
const name = z.string().min(1).max(128);
const annotations = z.record(z.string().max(1024), z.string().max(65_536)).optional();
const digest = digestSchema;

const blob = z.strictObject({ mediaType, digest, size: z.int().nonnegative().max(maxBlobBytes), annotations });

const platform = z.strictObject({
  architecture: name,
  os: name,
  variant: name.optional(),
  "os.version": name.optional(),
  "os.features": z.array(name).max(16).optional(),
  features: z.array(name).max(16).optional(),
});

const indexSchema = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.enum([mediaTypes.index, mediaTypes.dockerIndex], { error: "must be an image index's" }),
  manifests: z
    .array(
      z.strictObject({
        mediaType: z.enum([mediaTypes.manifest, mediaTypes.dockerManifest], {
          error: "must be an image manifest's: no index inside an index, no other types",
        }),
        digest,
        size: z.int().positive().max(maxManifestBytes),
        platform,
        annotations,
      }),
    )
    .min(1)
    .max(maxPlatforms),
  annotations,
});

const platformManifestSchema = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.enum([mediaTypes.manifest, mediaTypes.dockerManifest], { error: "must be an image manifest's" }),
  config: blob,
  layers: z.array(blob).min(1).max(maxLayers),
  annotations,
});

const referrerSchema = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(mediaTypes.manifest),
  artifactType: mediaType,
  // The empty descriptor may carry its two bytes inline (image-spec, manifest.md, "Guidance for an Empty Descriptor").
  config: blob.extend({ data: z.literal("e30=").optional(), artifactType: mediaType.optional() }),
  layers: z.array(blob).length(1, "must hold exactly one layer, the bundle"),
  subject: blob.extend({ artifactType: mediaType.optional(), platform: platform.optional() }),
  annotations,
});

/** An image index. Finding: INDEX_INVALID, one for each fault. */
export function parseIndex(bytes: Uint8Array, subject: string): Checked<ParsedIndex> {
  const read = checkedDocument(bytes, indexSchema, { code: "INDEX_INVALID", subject, what: "an image index" });
  if (!read.ok) return read;
  const index = read.proof;
  const expected = manifestTypeOf[index.mediaType];
  const seen = new Set<string>();
  for (const entry of index.manifests) {
    if (entry.mediaType !== expected)
      return invalid("INDEX_INVALID", subject, `manifests of ${expected}`, entry.mediaType);
    const own = formatPlatform(entry.platform);
    for (const key of [own, entry.digest]) {
      if (seen.has(key)) return invalid("INDEX_INVALID", subject, "each platform and each digest once", `${key} twice`);
      seen.add(key);
    }
  }
  const manifests = index.manifests.map((entry) => {
    const { os, architecture, variant } = entry.platform;
    return { ...bare(entry), platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } };
  });
  return proven({ mediaType: index.mediaType, manifests });
}

/** One platform's image. Finding: PLATFORM_MANIFEST_INVALID, one for each fault. */
export function parsePlatformManifest(bytes: Uint8Array, subject: string): Checked<ParsedManifest> {
  const code = "PLATFORM_MANIFEST_INVALID";
  const read = checkedDocument(bytes, platformManifestSchema, { code, subject, what: "an image manifest" });
  if (!read.ok) return read;
  const manifest = read.proof;
  const types = contentTypes[manifest.mediaType];
  if (manifest.config.mediaType !== types.config) {
    return invalid(code, subject, `a config of ${types.config}`, manifest.config.mediaType);
  }
  const known: readonly string[] = types.layers;
  const odd = manifest.layers.find((layer) => !known.includes(layer.mediaType));
  if (odd !== undefined) return invalid(code, subject, `layers of ${known.join(" or ")}`, odd.mediaType);
  return proven({
    mediaType: manifest.mediaType,
    config: bare(manifest.config),
    layers: manifest.layers.map(bare),
    annotations: manifest.annotations ?? {},
  });
}

/**
 * A referrer with one layer. It proves what the manifest claims; whether `subject` is the image, and what the layer
 * holds, is the caller's to check. Finding: BUNDLE_INVALID, one for each fault.
 */
export function parseReferrerManifest(
  bytes: Uint8Array,
  subject: string,
): Checked<ParsedManifest & { readonly artifactType: string; readonly subject: BlobDescriptor }> {
  const read = checkedDocument(bytes, referrerSchema, {
    code: "BUNDLE_INVALID",
    subject,
    what: "a referrer's manifest",
  });
  if (!read.ok) return read;
  const manifest = read.proof;
  return proven({
    mediaType: manifest.mediaType,
    artifactType: manifest.artifactType,
    config: bare(manifest.config),
    layers: manifest.layers.map(bare),
    subject: bare(manifest.subject),
    annotations: manifest.annotations ?? {},
  });
}

/**
 * Whichever of the two it claims to be: a referrer when it has an `artifactType` or a `subject`, else a platform's image.
 * Where only one of them may stand, use that one's own function.
 */
export function parseImageManifest(bytes: Uint8Array, subject: string): Checked<ParsedManifest> {
  const json = parseStrictJson(bytes, { maxBytes: maxManifestBytes });
  const value = json.ok && typeof json.value === "object" && json.value !== null ? json.value : {};
  const isReferrer = Object.hasOwn(value, "artifactType") || Object.hasOwn(value, "subject");
  return isReferrer ? parseReferrerManifest(bytes, subject) : parsePlatformManifest(bytes, subject);
}

function bare(descriptor: BlobDescriptor): BlobDescriptor {
  return { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
}

function invalid(
  code: Exclude<FindingCode, "SKIPPED">,
  subject: string,
  expected: string,
  found: string,
): Checked<never> {
  const remedy = "Build and push the release again with this project's builder.";
  return refuse(code, { subject, expected, found, remedy });
}
