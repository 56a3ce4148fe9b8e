import { z } from "zod";
import { proven } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import type { Digest } from "./digest.ts";
import { digestSchema, mediaTypes } from "./formats.ts";
import type { BlobDescriptor } from "./parse.ts";
import { checkedDocument } from "./strict-document.ts";

/**
 * cosign's older form of signatures (cosign, specs/SIGNATURE_SPEC.md): an image manifest under a tag that is made of the
 * signed digest, each of whose layers is one signed payload, with the signature and what proves it in annotations.
 */

/** What a signed payload's layer is ("simple signing"). */
export const simpleSigningMediaType = "application/vnd.dev.cosign.simplesigning.v1+json";

/** One signature: its payload, and the annotations as they stand, unverified. */
export interface LegacySignatureLayer extends BlobDescriptor {
  readonly annotations: Readonly<Record<string, string>>;
}

/** Far more than a certificate chain and a log entry need. */
const maxAnnotationLength = 65_536;
const maxBlobBytes = 64 * 1024 ** 3;

const annotations = z.record(z.string().max(1024), z.string().max(maxAnnotationLength)).optional();
const descriptor = { digest: digestSchema, size: z.int().nonnegative().max(maxBlobBytes), annotations };

const schema = z.strictObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(mediaTypes.manifest),
  config: z.strictObject({ mediaType: z.literal(mediaTypes.config), ...descriptor }),
  layers: z.array(
    z.strictObject({
      mediaType: z.literal(simpleSigningMediaType, { error: `must be ${simpleSigningMediaType}` }),
      ...descriptor,
    }),
  ),
  annotations,
});

/** `sha256-<hex>.sig`: the tag that holds the older signatures of a digest. */
export function legacySignatureTag(digest: Digest): string {
  return `${digest.replace(":", "-")}.sig`;
}

/**
 * The signatures that a manifest under such a tag lists, none of them verified; the same payload may stand there more
 * than once. The caller bounds how many it reads. Finding: LEGACY_SIGNATURE_INVALID, one for each fault.
 */
export function parseLegacySignatureManifest(
  bytes: Uint8Array,
  subject: string,
): Checked<readonly LegacySignatureLayer[]> {
  const what = "a manifest of cosign's older signatures";
  const read = checkedDocument(bytes, schema, { code: "LEGACY_SIGNATURE_INVALID", subject, what });
  if (!read.ok) return read;
  return proven(
    read.proof.layers.map(({ mediaType, digest, size, annotations: own = {} }) => ({
      mediaType,
      digest,
      size,
      annotations: own,
    })),
  );
}
