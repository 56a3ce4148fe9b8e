import type { BoundedReader } from "../adapters/registry/bounded-reader.ts";
import type { Answer } from "../core/oci/answer.ts";
import type { Digest } from "../core/oci/digest.ts";
import { bundleMediaTypePrefix, mediaTypes } from "../core/oci/formats.ts";
import { parseReferrerManifest } from "../core/oci/parse.ts";
import { maxBundleBytes } from "../core/sigstore/bundle-schema.ts";
import { maxEvidenceBytes } from "../core/tdx/evidence-document.ts";
import type { ReferrerEvidence } from "../core/verify/evidence.ts";

/** By subject: what refers to it, or why that could not be listed. */
export type ReferrersBySubject = ReadonlyMap<Digest, Answer<readonly ReferrerEvidence[]>>;

/** All referrers of a subject with their bundles, each with what the registry answered for it; none is an empty list. */
export async function collectReferrers(
  reader: BoundedReader,
  subject: Digest,
): Promise<Answer<readonly ReferrerEvidence[]>> {
  const listed = await reader.referrers(subject);
  if (listed.kind !== "found") return listed;
  return { kind: "found", value: await Promise.all(listed.value.map(({ digest }) => readReferrer(reader, digest))) };
}

async function readReferrer(reader: BoundedReader, digest: Digest): Promise<ReferrerEvidence> {
  const manifest = await reader.manifest(digest);
  if (manifest.kind !== "found") return { digest, manifest, bundle: { kind: "absent" } };
  const parsed = parseReferrerManifest(manifest.value, digest);
  const layer = parsed.ok ? parsed.proof.layers[0] : undefined;
  // Anybody who may write can attach an artifact of any kind and size: what is neither proves nothing, and isn't read.
  if (layer?.mediaType === mediaTypes.tdxEvidence) {
    const tdxEvidence = await reader.blob(layer, maxEvidenceBytes);
    return { digest, manifest, bundle: { kind: "absent" }, tdxEvidence };
  }
  const isBundle = layer?.mediaType.startsWith(bundleMediaTypePrefix) === true;
  return { digest, manifest, bundle: isBundle ? await reader.blob(layer, maxBundleBytes) : { kind: "absent" } };
}
