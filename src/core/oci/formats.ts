import { z } from "zod";
import { isDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";

/** OCI image-spec v1.1: descriptors, image manifests and indexes, as far as releases use them. */
export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layer: "application/vnd.oci.image.layer.v1.tar",
  empty: "application/vnd.oci.empty.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  bundle: "application/vnd.dev.sigstore.bundle.v0.3+json",
  /** An attested signature with its evidence (src/core/tdx/evidence-document.ts). */
  tdxEvidence: "application/vnd.neko-trust.tdx-evidence.v1+json",
} as const;

/** How media types of Sigstore bundles begin, of all versions and both spellings. */
export const bundleMediaTypePrefix = "application/vnd.dev.sigstore.bundle";

export const digestSchema = z.custom<Digest>((value) => typeof value === "string" && isDigest(value), {
  message: "must be sha256: and 64 lower-case hex digits",
});

const annotations = z.record(z.string(), z.string());

export const platformSchema = z.looseObject({
  architecture: z.string().min(1),
  os: z.string().min(1),
  variant: z.string().optional(),
});

export const descriptorSchema = z.looseObject({
  mediaType: z.string().min(1),
  digest: digestSchema,
  size: z.number().int().nonnegative(),
  artifactType: z.string().optional(),
  annotations: annotations.optional(),
  platform: platformSchema.optional(),
  urls: z.array(z.string()).optional(),
});
export type Descriptor = z.infer<typeof descriptorSchema>;

/** `os/architecture` or `os/architecture/variant`, as `docker --platform` writes it. */
export function formatPlatform(platform: z.infer<typeof platformSchema>): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined ? base : `${base}/${platform.variant}`;
}
