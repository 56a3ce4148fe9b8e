import { boundedReader } from "../adapters/registry/bounded-reader.ts";
import type { BoundedReader, ReadLimits } from "../adapters/registry/bounded-reader.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import type { Answer } from "../core/oci/answer.ts";
import type { Digest } from "../core/oci/digest.ts";
import { parseIndex } from "../core/oci/parse.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import type { Evidence, ReferrerEvidence } from "../core/verify/evidence.ts";
import { claimsSignature, collectLegacySignatures } from "./collect-legacy-signatures.ts";
import type { NarLimits } from "./collect-nars.ts";
import { collectRebuilds } from "./collect-rebuilds.ts";
import type { RebuilderLocation } from "./collect-rebuilds.ts";
import { collectReferrers } from "./collect-referrers.ts";
import type { ReferrersBySubject } from "./collect-referrers.ts";

/** Calls that one collection has under way at once: registries throttle (GHCR, Docker Hub) well above this. */
const concurrency = 8;
/** As many as a release manifest can name (core/release/manifest.ts); an index with more can't be proven. */
const maxPlatforms = 16;
/** A release's evidence is a few MiB, mostly its SBOMs. */
const defaultMaxBytes = 256 * 1024 * 1024;
const defaultMaxMilliseconds = 10 * 60 * 1000;
/** Desktops in images have a few GiB of layers for each platform. */
const defaultDeepLimits: NarLimits = { bytes: 64 * 1024 ** 3, milliseconds: 60 * 60 * 1000 };

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
  /** Whose statements are read at their own locations, too, each location within the same limits. */
  readonly rebuilders?: readonly RebuilderLocation[];
  /** Whether signatures of cosign's older form may count; else they are read only where no other one is attached. */
  readonly legacySignatures?: boolean;
  /** Whether each platform's NAR is recomputed from its layers, after all else has been read. */
  readonly deep?: boolean;
  /** 64 GiB and 60 minutes unless given. */
  readonly deepLimits?: NarLimits;
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
    return await readEvidence(client, reader, request, limits);
  } finally {
    reader.close();
  }
}

async function readEvidence(
  client: RegistryClient,
  reader: BoundedReader,
  request: CollectRequest,
  limits: ReadLimits,
): Promise<Evidence> {
  const { repository, digest, trustedRoot } = request;
  const index: Answer<Uint8Array> =
    request.index === undefined ? await reader.manifest(digest) : { kind: "found", value: request.index };
  const parsed =
    index.kind === "found" ? parseIndex(index.value, formatDigestReference(repository, digest)) : undefined;
  const listed = parsed?.ok === true ? parsed.proof.manifests.map((descriptor) => descriptor.digest) : [];
  const platforms = listed.slice(0, maxPlatforms);
  const unread = listed.slice(maxPlatforms).map((platform) => [platform, tooMany(listed.length)] as const);

  const ofIndex = collectReferrers(reader, digest);
  const ofPlatforms = inPairs(platforms, (platform) => collectReferrers(reader, platform));
  const referrersOfAll = Promise.all([ofIndex, ofPlatforms]).then(
    ([own, pairs]) => new Map([[digest, own], ...pairs, ...unread]),
  );
  const own = { repository, referrers: referrersOfAll };
  const { rebuilders = [] } = request;
  const [manifests, referrers, legacySignatures, rebuilds] = await Promise.all([
    inPairs(platforms, (platform) => reader.manifest(platform)),
    referrersOfAll,
    readLegacySignatures(reader, request, ofIndex),
    collectRebuilds(client, { rebuilders, platforms, own, limits }),
  ]);
  const evidence = {
    repository,
    digest,
    manifests: new Map([[digest, index], ...manifests, ...unread]),
    referrers,
    ...(legacySignatures === undefined ? {} : { legacySignatures }),
    ...(rebuilds.size === 0 ? {} : { rebuilds: withUnread(rebuilds, unread) }),
    trustedRoot,
  };
  if (request.deep !== true) return evidence;
  const deepLimits = request.deepLimits ?? defaultDeepLimits;
  // Loaded when needed: it is part of few verifications.
  const { collectNars } = await import("./collect-nars.ts");
  const nars = await collectNars(client, { repository, manifests: new Map(manifests), limits: deepLimits });
  return { ...evidence, nars: new Map([...nars, ...unread]) };
}

/** Looked for where they may count, and where nothing says that it is a signature: then they explain a refusal. */
async function readLegacySignatures(
  reader: BoundedReader,
  { digest, legacySignatures }: CollectRequest,
  ofIndex: Promise<Answer<readonly ReferrerEvidence[]>>,
): Promise<Evidence["legacySignatures"]> {
  if (legacySignatures !== true && claimsSignature(await ofIndex)) return undefined;
  return collectLegacySignatures(reader, digest);
}

/** Each digest with its answer, in order. */
function inPairs<T>(digests: readonly Digest[], read: (digest: Digest) => Promise<T>): Promise<[Digest, T][]> {
  return Promise.all(digests.map(async (digest): Promise<[Digest, T]> => [digest, await read(digest)]));
}

/** The platforms that are not read, for each rebuilder, too: a statement about one could be a veto. */
function withUnread(
  rebuilds: ReadonlyMap<string, ReferrersBySubject>,
  unread: readonly (readonly [Digest, Answer<never>])[],
): ReadonlyMap<string, ReferrersBySubject> {
  return new Map([...rebuilds].map(([id, bySubject]) => [id, new Map([...bySubject, ...unread])]));
}

function tooMany(platforms: number): Answer<never> {
  return { kind: "too-large", detail: `the index lists ${platforms} platforms, ${maxPlatforms} are read` };
}
