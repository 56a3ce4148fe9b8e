import { z } from "zod";
import { Failure } from "../failure.ts";
import { digestSchema, mediaTypes } from "./formats.ts";
import type { BlobDescriptor } from "./parse.ts";
import { readDocument } from "./strict-document.ts";

/**
 * An OCI artifact that holds one file (image-spec v1.1, manifest.md, "Guidelines for Artifact Usage"): one layer, which is
 * the file as it is. Nothing else may stand there, as another reader could take it for the content.
 */

const mediaType = z.string().min(1).max(255);
const annotations = z.record(z.string().max(1024), z.string().max(65_536)).optional();
const blob = z.strictObject({
  mediaType,
  digest: digestSchema,
  size: z.int().nonnegative(),
  annotations,
});
/** The empty descriptor may carry its two bytes inline. */
const emptyConfig = blob.extend({ data: z.literal("e30=").optional(), artifactType: mediaType.optional() });

const artifactSchema = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(mediaTypes.manifest, "must be an image manifest's: an index holds no file"),
  artifactType: mediaType.optional(),
  config: emptyConfig,
  layers: z.array(blob).length(1, "must hold exactly one layer, the file"),
  subject: blob.extend({ artifactType: mediaType.optional() }).optional(),
  annotations,
});

/** The one file of an artifact. Throws DISK_ARTIFACT_INVALID (refused); `subject` names it in the message. */
export function parseArtifactManifest(bytes: Uint8Array, subject: string): BlobDescriptor {
  const read = readDocument(bytes, artifactSchema);
  const layer = read.ok ? read.value.layers[0] : undefined;
  if (layer !== undefined) return { mediaType: layer.mediaType, digest: layer.digest, size: layer.size };
  throw new Failure({
    code: "DISK_ARTIFACT_INVALID",
    kind: "refused",
    message: `${subject} is not an OCI artifact with one file.`,
    remedy: "Push the disk artifact with one layer, for example: oras push <repository> disk.tar.gz",
    details: read.ok ? [] : read.faults,
  });
}
