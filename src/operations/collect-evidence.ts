import type { RegistryClient } from "../adapters/registry/client.ts";
import type { Answer } from "../core/oci/answer.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { Descriptor } from "../core/oci/formats.ts";
import { parseImageManifest, parseIndex } from "../core/oci/parse.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import { maxBundleBytes } from "../core/sigstore/bundle-format.ts";
import type { Evidence, ReferrerEvidence } from "../core/verify/evidence.ts";

/** Requests that one collection has under way at once: registries throttle (GHCR, Docker Hub) well above this. */
const concurrency = 8;

/** Maps in order with at most `concurrency` calls under way. */
async function mapBounded<T, R>(items: readonly T[], call: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const pending = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of pending) results[index] = await call(item);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  return results;
}

async function readReferrer(client: RegistryClient, repository: string, descriptor: Descriptor): Promise<ReferrerEvidence> {
  const manifest = await client.manifest(repository, descriptor.digest);
  if (manifest.kind !== "found") return { digest: descriptor.digest, manifest, bundle: { kind: "absent" } };
  const parsed = parseImageManifest(manifest.value, descriptor.digest);
  const layer = parsed.ok ? parsed.proof.layers[0] : undefined;
  const bundle: Answer<Uint8Array> =
    layer === undefined ? { kind: "absent" } : await client.blob(repository, { digest: layer.digest, size: layer.size }, maxBundleBytes);
  return { digest: descriptor.digest, manifest, bundle };
}

async function readReferrers(
  client: RegistryClient,
  repository: string,
  subject: Digest,
): Promise<Answer<readonly ReferrerEvidence[]>> {
  const listed = await client.referrers(repository, subject);
  if (listed.kind !== "found") return listed;
  const read = await mapBounded(listed.value, (descriptor) => readReferrer(client, repository, descriptor));
  return { kind: "found", value: read };
}

export interface CollectRequest {
  readonly repository: string;
  readonly digest: Digest;
  /** The bytes of the index, when resolving the reference brought them already. */
  readonly index?: Uint8Array;
  readonly trustedRoot: Uint8Array;
}

/**
 * Reads everything that verifyRelease looks at, by digest only. What the registry does not give is kept as its answer;
 * nothing is judged here.
 */
export async function collectEvidence(client: RegistryClient, request: CollectRequest): Promise<Evidence> {
  const { repository, digest, trustedRoot } = request;
  const index: Answer<Uint8Array> =
    request.index === undefined ? await client.manifest(repository, digest) : { kind: "found", value: request.index };
  const manifests = new Map<Digest, Answer<Uint8Array>>([[digest, index]]);
  const parsed = index.kind === "found" ? parseIndex(index.value, formatDigestReference(repository, digest)) : undefined;
  const platforms = parsed?.ok === true ? parsed.proof.manifests.map((descriptor) => descriptor.digest) : [];
  const [platformManifests, referrers] = await Promise.all([
    mapBounded(platforms, (platform) => client.manifest(repository, platform)),
    mapBounded([digest, ...platforms], (subject) => readReferrers(client, repository, subject)),
  ]);
  platforms.forEach((platform, position) => {
    manifests.set(platform, platformManifests[position] ?? { kind: "absent" });
  });
  return {
    repository,
    digest,
    manifests,
    referrers: new Map(
      [digest, ...platforms].map((subject, position) => [subject, referrers[position] ?? { kind: "absent" }]),
    ),
    trustedRoot,
  };
}
