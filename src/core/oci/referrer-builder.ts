import { canonicalBytes } from "../json/canonical-json.ts";
import { digestOf } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { mediaTypes } from "./formats.ts";
import type { BlobDescriptor } from "./parse.ts";
import type { ReferrerDescriptor } from "./referrers.ts";

/** What is attached to an image: one layer, usually a Sigstore bundle. */
export interface Attachment {
  /** For a bundle its media type (cosign, specs/BUNDLE_SPEC.md). */
  readonly artifactType: string;
  readonly layer: Uint8Array;
  readonly layerMediaType: string;
  /** For a bundle `dev.sigstore.bundle.content` and `dev.sigstore.bundle.predicateType`. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface BuiltReferrer {
  readonly descriptor: ReferrerDescriptor;
  /** RFC 8785 bytes: the same attachment always gives the same digest, so attaching twice adds nothing. */
  readonly manifest: Uint8Array;
  /** The two blobs to push first: the empty config, and the layer. */
  readonly blobs: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[];
}

/** The empty descriptor's content (OCI image-spec, manifest.md): `{}`. */
const emptyConfig = new TextEncoder().encode("{}");

/**
 * An OCI 1.1 referrer of `subject`. It holds no creation time unless the annotations do: a changing value would make
 * another manifest of the same bundle.
 */
export function buildReferrer(subject: BlobDescriptor, attachment: Attachment): BuiltReferrer {
  const { artifactType, layer, layerMediaType, annotations = {} } = attachment;
  const config = { digest: digestOf(emptyConfig), bytes: emptyConfig };
  const content = { digest: digestOf(layer), bytes: layer };
  const manifest = canonicalBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType,
    config: { mediaType: mediaTypes.empty, digest: config.digest, size: emptyConfig.length },
    layers: [{ mediaType: layerMediaType, digest: content.digest, size: layer.length }],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  return {
    descriptor: {
      mediaType: mediaTypes.manifest,
      digest: digestOf(manifest),
      size: manifest.length,
      artifactType,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    manifest,
    blobs: [config, content],
  };
}
