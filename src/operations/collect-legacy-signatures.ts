import type { BoundedReader } from "../adapters/registry/bounded-reader.ts";
import { predicateTypes } from "../core/intoto/statement.ts";
import type { Answer } from "../core/oci/answer.ts";
import type { Digest } from "../core/oci/digest.ts";
import { legacySignatureTag, parseLegacySignatureManifest } from "../core/oci/legacy-signature-manifest.ts";
import { parseReferrerManifest } from "../core/oci/parse.ts";
import type { LegacySignatureEvidence, ReferrerEvidence } from "../core/verify/evidence.ts";

/** As many signatures as one tag may hold: each costs a request and a verification (CVE-2024-29903). */
const maxSignatures = 64;
/** A payload names an image and its digest; cosign writes some 250 bytes (CVE-2024-29902). */
const maxPayloadBytes = 64 * 1024;

/**
 * Signatures of cosign's older form of a digest: those under its tag `sha256-….sig`; none is an empty list. Broken when
 * the tag holds something else, too-large when it holds more than are read.
 */
export async function collectLegacySignatures(
  reader: BoundedReader,
  subject: Digest,
): Promise<Answer<readonly LegacySignatureEvidence[]>> {
  const tag = legacySignatureTag(subject);
  const manifest = await reader.tagged(tag);
  if (manifest.kind === "absent") return { kind: "found", value: [] };
  if (manifest.kind !== "found") return manifest;
  const parsed = parseLegacySignatureManifest(manifest.value, `the tag ${tag}`);
  if (!parsed.ok) {
    // Which place is at fault, not what stands there: a tag is bound by no digest.
    return { kind: "broken", detail: `the tag ${tag} holds no signatures of cosign's older form` };
  }
  const layers = parsed.proof;
  if (layers.length > maxSignatures) {
    const detail = `the tag ${tag} lists ${layers.length} signatures, ${maxSignatures} are read`;
    return { kind: "too-large", detail };
  }
  // One payload signed by several people is one blob, listed once for each.
  const payloads = new Map<string, Promise<Answer<Uint8Array>>>();
  const value = await Promise.all(
    layers.map(async ({ digest, size, annotations }) => {
      const key = `${digest} ${size}`;
      const reading = payloads.get(key) ?? reader.blob({ digest, size }, maxPayloadBytes);
      payloads.set(key, reading);
      return { digest, payload: await reading, annotations };
    }),
  );
  return { kind: "found", value };
}

/**
 * Whether a referrer says of itself that it is an image signature of today's form, unverified. Where none does, an older
 * one is what a user may have meant.
 */
export function claimsSignature(referrers: Answer<readonly ReferrerEvidence[]>): boolean {
  if (referrers.kind !== "found") return false;
  return referrers.value.some(({ digest, manifest }) => {
    const parsed = manifest.kind === "found" ? parseReferrerManifest(manifest.value, digest) : undefined;
    if (parsed?.ok !== true) return false;
    return parsed.proof.annotations["dev.sigstore.bundle.predicateType"] === predicateTypes.signature;
  });
}
