import { z } from "zod";
import { Failure } from "../failure.ts";
import { digestSchema, formatPlatform, mediaTypes } from "./formats.ts";
import type { BlobDescriptor } from "./parse.ts";
import { readDocument } from "./strict-document.ts";
import type { Platform } from "./layout-builder.ts";

/**
 * Reads an OCI layout directory that holds one image of one platform (OCI image-spec v1.1, image-layout.md): what a Nix
 * build of an image puts out. Strict about what is used; annotations that builders add are left alone.
 */

export type ImageLayoutFailureCode =
  /** A file of the layout is missing, or is not what the specification says. */
  | "LAYOUT_INVALID"
  /** index.json lists none or several images, or an index. */
  | "LAYOUT_NOT_ONE_IMAGE"
  /** The image is for another platform than was said. */
  | "LAYOUT_PLATFORM_MISMATCH"
  /** A blob hashes to another name, or has another size. */
  | "LAYOUT_BLOB_MISMATCH"
  /** A blob that the manifest names is not there. */
  | "LAYOUT_BLOB_MISSING";

/** `where` names the layout: its platform and folder. */
export function imageLayoutFailure(
  code: ImageLayoutFailureCode,
  where: string,
  detail: { readonly expected: string; readonly found: string },
): Failure {
  return new Failure({
    code,
    kind: "refused",
    message: `${where}: expected ${detail.expected}; found ${detail.found}.`,
    remedy: "Give the output of the image's own Nix build, unchanged; build it again when it was changed.",
  });
}

const markerSchema = z.looseObject({ imageLayoutVersion: z.literal("1.0.0") });
const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z.array(z.looseObject({ mediaType: z.string(), digest: digestSchema, size: z.int().positive() })),
});
const name = z.string().regex(/^[a-z0-9._]{1,32}$/, "must be a short lower-case name");
const configSchema = z.looseObject({ os: name, architecture: name, variant: name.optional() });

/** The one manifest that a layout's index.json lists. Throws LAYOUT_INVALID and LAYOUT_NOT_ONE_IMAGE. */
export function imageOfLayout(
  files: { readonly marker: Uint8Array; readonly index: Uint8Array },
  where: string,
): BlobDescriptor {
  const marker = readDocument(files.marker, markerSchema);
  if (!marker.ok) throw invalid(where, "oci-layout", marker.faults);
  const index = readDocument(files.index, indexSchema);
  if (!index.ok) throw invalid(where, "index.json", index.faults);
  const [only, ...more] = index.value.manifests;
  if (only === undefined || more.length > 0) {
    const found = `${index.value.manifests.length} entries in index.json`;
    throw imageLayoutFailure("LAYOUT_NOT_ONE_IMAGE", where, { expected: "exactly one image", found });
  }
  const { mediaType, digest, size } = only;
  if (mediaType !== mediaTypes.manifest) {
    const expected = `an image manifest (${mediaTypes.manifest})`;
    throw imageLayoutFailure("LAYOUT_NOT_ONE_IMAGE", where, { expected, found: mediaType.slice(0, 200) });
  }
  return { mediaType, digest, size };
}

/** The platform that an image's config names. Throws LAYOUT_INVALID. */
export function platformOfConfig(config: Uint8Array, where: string): Platform {
  const read = readDocument(config, configSchema);
  if (!read.ok) throw invalid(where, "the image's config", read.faults);
  const { os, architecture, variant } = read.value;
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Throws LAYOUT_PLATFORM_MISMATCH unless the config's platform is the one that was named. */
export function requirePlatform(found: Platform, expected: string, where: string): void {
  const own = formatPlatform({ ...found });
  if (own === expected) return;
  throw imageLayoutFailure("LAYOUT_PLATFORM_MISMATCH", where, { expected: `an image for ${expected}`, found: own });
}

function invalid(where: string, what: string, faults: readonly string[]): Failure {
  const expected = `${what} as the OCI image-spec has it`;
  return imageLayoutFailure("LAYOUT_INVALID", where, { expected, found: faults.join("; ") });
}
