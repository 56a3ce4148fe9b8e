import { boundedReader } from "../adapters/registry/bounded-reader.ts";
import type { BoundedReader } from "../adapters/registry/bounded-reader.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import type { Answer } from "../core/oci/answer.ts";
import type { Digest } from "../core/oci/digest.ts";
import { bundleMediaTypePrefix } from "../core/oci/formats.ts";
import { parseIndex, parseReferrerManifest } from "../core/oci/parse.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import { maxBundleBytes } from "../core/sigstore/bundle-schema.ts";
import type { Evidence, ReferrerEvidence } from "../core/verify/evidence.ts";

/** Calls that one collection has under way at once: registries throttle (GHCR, Docker Hub) well above this. */
const concurrency = 8;
/** As many as a release manifest can name (core/release/manifest.ts); an index with more can't be proven. */
const maxPlatforms = 16;
/** A release's evidence is a few MiB, mostly its SBOMs. */
const defaultMaxBytes = 256 * 1024 * 1024;
const defaultMaxMilliseconds = 10 * 60 * 1000;

async function readReferrer(reader: BoundedReader, digest: Digest): Promise<ReferrerEvidence> {
  const manifest = await reader.manifest(digest);
  if (manifest.kind !== "found") return { digest, manifest, bundle: { kind: "absent" } };
  const parsed = parseReferrerManifest(manifest.value, digest);
  const layer = parsed.ok ? parsed.proof.layers[0] : undefined;
  // Anybody who may write can attach an artifact of any kind and size: what is no bundle proves nothing, and isn't read.
  const isBundle = layer?.mediaType.startsWith(bundleMediaTypePrefix) === true;
  return { digest, manifest, bundle: isBundle ? await reader.blob(layer, maxBundleBytes) : { kind: "absent" } };
}

async function readReferrers(reader: BoundedReader, subject: Digest): Promise<Answer<readonly ReferrerEvidence[]>> {
  const listed = await reader.referrers(subject);
  if (listed.kind !== "found") return listed;
  return { kind: "found", value: await Promise.all(listed.value.map(({ digest }) => readReferrer(reader, digest))) };
}

export interface CollectRequest {
  readonly repository: string;
  readonly digest: Digest;
  /** The bytes of the index, when resolving the reference brought them already. */
  readonly index?: Uint8Array;
  readonly trustedRoot: Uint8Array;
  /** Of all manifests and bundles together; what would exceed it is `too-large`. 256 MiB unless given. */
  readonly maxBytes?: number;
  /** For the whole collection; what is not read by then is `broken`. 10 minutes unless given. */
  readonly maxMilliseconds?: number;
}

/**
 * Reads everything that verifyRelease looks at, by digest only. What the registry does not give is kept as its answer;
 * nothing is judged here. Size and time are bounded for the whole: whoever may write to the repository decides how much
 * there is.
 */
export async function collectEvidence(client: RegistryClient, request: CollectRequest): Promise<Evidence> {
  const { repository, maxBytes = defaultMaxBytes, maxMilliseconds = defaultMaxMilliseconds } = request;
  const limits = { bytes: maxBytes, milliseconds: maxMilliseconds, calls: concurrency };
  const reader = boundedReader(client, repository, limits);
  try {
    return await readEvidence(reader, request);
  } finally {
    reader.close();
  }
}

async function readEvidence(reader: BoundedReader, request: CollectRequest): Promise<Evidence> {
  const { repository, digest, trustedRoot } = request;
  const index: Answer<Uint8Array> =
    request.index === undefined ? await reader.manifest(digest) : { kind: "found", value: request.index };
  const parsed =
    index.kind === "found" ? parseIndex(index.value, formatDigestReference(repository, digest)) : undefined;
  const listed = parsed?.ok === true ? parsed.proof.manifests.map((descriptor) => descriptor.digest) : [];
  const platforms = listed.slice(0, maxPlatforms);
  const [manifests, referrers] = await Promise.all([
    inPairs(platforms, (platform) => reader.manifest(platform)),
    inPairs([digest, ...platforms], (subject) => readReferrers(reader, subject)),
  ]);
  const unread = listed.slice(maxPlatforms).map((platform) => [platform, tooMany(listed.length)] as const);
  return {
    repository,
    digest,
    manifests: new Map([[digest, index], ...manifests, ...unread]),
    referrers: new Map([...referrers, ...unread]),
    trustedRoot,
  };
}

/** Each digest with its answer, in order. */
function inPairs<T>(digests: readonly Digest[], read: (digest: Digest) => Promise<T>): Promise<[Digest, T][]> {
  return Promise.all(digests.map(async (digest): Promise<[Digest, T]> => [digest, await read(digest)]));
}

function tooMany(platforms: number): Answer<never> {
  return { kind: "too-large", detail: `the index lists ${platforms} platforms, ${maxPlatforms} are read` };
}
