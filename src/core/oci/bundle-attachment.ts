import { mediaTypes } from "./formats.ts";
import type { Attachment } from "./referrer-builder.ts";

/** A Sigstore bundle that holds a statement, as what is attached to its image (cosign, specs/BUNDLE_SPEC.md). */
export function bundleAttachment(bundle: Uint8Array, predicateType: string): Attachment {
  return {
    artifactType: mediaTypes.bundle,
    layer: bundle,
    layerMediaType: mediaTypes.bundle,
    annotations: {
      "dev.sigstore.bundle.content": "dsse-envelope",
      "dev.sigstore.bundle.predicateType": predicateType,
    },
  };
}
