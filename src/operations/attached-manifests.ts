import { X509Certificate } from "@sigstore/core";
import { boundedReader } from "../adapters/registry/bounded-reader.ts";
import type { BoundedReader } from "../adapters/registry/bounded-reader.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import { parseStatement } from "../core/intoto/parse-statement.ts";
import { predicateTypes } from "../core/intoto/statement.ts";
import { bundleMediaTypePrefix } from "../core/oci/formats.ts";
import type { Digest } from "../core/oci/digest.ts";
import { parseReferrerManifest } from "../core/oci/parse.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import type { ReleaseManifest } from "../core/release/manifest.ts";
import { readBundle } from "../core/sigstore/bundle-format.ts";
import { maxBundleBytes } from "../core/sigstore/bundle-schema.ts";
import { readCertificateClaims } from "../core/sigstore/certificate-claims.ts";
import { parseManifest } from "../core/verify/check-manifest.ts";

/** A release manifest that is attached to an image already. Nothing about it is verified. */
export interface AttachedManifest {
  readonly referrer: Digest;
  readonly manifest: ReleaseManifest;
  /** Whom its certificate claims to name. */
  readonly signer: string;
}

const limits = { bytes: 256 * 1024 * 1024, milliseconds: 5 * 60 * 1000, calls: 8 };

/**
 * The release manifests among an image's referrers, so that what is about to be attached can be compared with them. They
 * warn of mistakes, and vouch for nothing: anybody who may write may attach one. Throws Failure when the registry can't
 * be asked; what is there and is no manifest's bundle is passed over.
 */
export async function attachedManifests(
  client: RegistryClient,
  repository: string,
  index: Digest,
): Promise<AttachedManifest[]> {
  const reader = boundedReader(client, repository, limits);
  try {
    const what = `referrers of ${formatDigestReference(repository, index)}`;
    const listed = unwrap(await reader.referrers(index), what);
    const read = await Promise.all(listed.map(({ digest }) => readManifest(reader, digest, what)));
    return read.filter((one) => one !== undefined);
  } finally {
    reader.close();
  }
}

async function readManifest(
  reader: BoundedReader,
  referrer: Digest,
  what: string,
): Promise<AttachedManifest | undefined> {
  const answer = await reader.manifest(referrer);
  if (answer.kind === "absent") return undefined;
  const parsed = parseReferrerManifest(unwrap(answer, what), referrer);
  const layer = parsed.ok ? parsed.proof.layers[0] : undefined;
  if (layer?.mediaType.startsWith(bundleMediaTypePrefix) !== true) return undefined;
  const blob = await reader.blob(layer, maxBundleBytes);
  if (blob.kind === "absent") return undefined;
  const bundle = readBundle(unwrap(blob, what));
  if (!bundle.ok || bundle.proof.bundle.content.$case !== "dsseEnvelope") return undefined;
  const statement = parseStatement(bundle.proof.bundle.content.dsseEnvelope.payload, referrer);
  if (!statement.ok || statement.proof.predicateType !== predicateTypes.release) return undefined;
  const manifest = parseManifest(statement.proof.predicate, referrer);
  if (!manifest.ok) return undefined;
  return { referrer, manifest: manifest.proof, signer: claimedSigner(bundle.proof.leaf) };
}

function claimedSigner(leaf: Buffer<ArrayBuffer>): string {
  try {
    const claims = readCertificateClaims(X509Certificate.parse(leaf), "a certificate");
    return claims.ok ? claims.proof.subjectAlternativeName : "nobody";
  } catch {
    return "nobody";
  }
}
