import { narFromOciLayout } from "../adapters/nix/layout-nar.ts";
import type { LayoutFile } from "../adapters/nix/layout-nar.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import type { NarDigest } from "../core/nix/nar.ts";
import type { Answer } from "../core/oci/answer.ts";
import type { Digest } from "../core/oci/digest.ts";
import { blobPath, layoutDocuments } from "../core/oci/layout-files.ts";
import { parsePlatformManifest } from "../core/oci/parse.ts";
import type { BlobDescriptor } from "../core/oci/parse.ts";

/** Images that are read at once: each holds some chunks of one layer. */
const concurrency = 2;

/** What recomputing may take for all platforms of a release together. */
export interface NarLimits {
  /** Of all configs and layers. */
  readonly bytes: number;
  readonly milliseconds: number;
}

export interface CollectNarsRequest {
  readonly repository: string;
  /** By platform digest: its manifest's bytes, whose hash it is, or why they could not be read. */
  readonly manifests: ReadonlyMap<Digest, Answer<Uint8Array>>;
  readonly limits: NarLimits;
}

/**
 * The NAR of each platform's OCI layout, as a Nix build of the image puts it out (core/oci/layout-files.ts), recomputed
 * from the registry's blobs. Nothing is kept: layers are hashed while they pass. What does not arrive whole, with the
 * bytes that the manifest names, is an answer of its kind, and too much for the limits is `too-large`. Rejects as the
 * client does.
 */
export async function collectNars(
  client: RegistryClient,
  { repository, manifests, limits }: CollectNarsRequest,
): Promise<ReadonlyMap<Digest, Answer<NarDigest>>> {
  const ending = new AbortController();
  const { signal } = ending;
  const timer = setTimeout(() => {
    ending.abort();
  }, limits.milliseconds);
  const late = broken(`its layers could not be read within the ${limits.milliseconds / 1000} s allowed`);
  // In the order of the manifests, whichever is done first.
  const nars = new Map<Digest, Answer<NarDigest>>(Array.from(manifests.keys(), (digest) => [digest, late]));
  let bytesLeft = limits.bytes;

  const recompute = async (digest: Digest, manifest: Answer<Uint8Array>): Promise<Answer<NarDigest>> => {
    if (manifest.kind !== "found") return manifest;
    const blobs = blobsOf(manifest.value, digest);
    if (!("config" in blobs)) return blobs;
    const all = new Map([blobs.config, ...blobs.layers].map((blob) => [blob.digest, blob]));
    const needed = [...all.values()].reduce((sum, { size }) => sum + size, 0);
    if (needed > bytesLeft) {
      const detail = `with its layers of ${needed} bytes, more than the ${limits.bytes} allowed would be read`;
      return { kind: "too-large", detail };
    }
    // Taken before it is read, so that those under way can't exceed the limit together.
    bytesLeft -= needed;
    const root = { mediaType: blobs.mediaType, digest, size: manifest.value.length };
    const files = new Map<string, LayoutFile>(layoutDocuments([root]));
    files.set(blobPath(digest), manifest.value);
    // The limit of the whole is the only one: a release's layer may have any part of it.
    return streamed(files, all.values(), (blob) => client.blobStream(repository, blob, blob.size, signal));
  };

  const pending = manifests.entries();
  const worker = async (): Promise<void> => {
    for (const [digest, manifest] of pending) {
      const answer = signal.aborted ? late : await recompute(digest, manifest);
      nars.set(digest, signal.aborted && answer.kind === "broken" ? late : answer);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, worker));
    return nars;
  } finally {
    // When one rejects, the other's download has nobody who waits for it.
    clearTimeout(timer);
    ending.abort();
  }
}

type Blobs = {
  readonly mediaType: string;
  readonly config: BlobDescriptor;
  readonly layers: readonly BlobDescriptor[];
};

function blobsOf(manifest: Uint8Array, digest: Digest): Blobs | Answer<never> {
  const parsed = parsePlatformManifest(manifest, digest);
  if (!parsed.ok) return broken(`no layout can be made of its manifest: ${parsed.findings[0].found}`);
  const sizes = new Map<Digest, number>();
  for (const blob of [parsed.proof.config, ...parsed.proof.layers]) {
    const known = sizes.get(blob.digest);
    if (known !== undefined && known !== blob.size) return broken(`its manifest gives ${blob.digest} two sizes`);
    sizes.set(blob.digest, blob.size);
  }
  return parsed.proof;
}

/** The NAR of the files and blobs; the answer of the first blob that brings none ends it. */
async function streamed(
  files: Map<string, LayoutFile>,
  blobs: Iterable<BlobDescriptor>,
  open: (blob: BlobDescriptor) => Promise<Answer<AsyncIterable<Uint8Array>>>,
): Promise<Answer<NarDigest>> {
  let unread: Answer<never> | undefined;
  for (const blob of blobs) {
    const read = async function* (): AsyncGenerator<Uint8Array, void> {
      const answer = await open(blob);
      if (answer.kind === "found") yield* answer.value;
      else unread = answer.kind === "absent" ? broken(`the registry has no ${blob.digest}, which it names`) : answer;
    };
    files.set(blobPath(blob.digest), { size: blob.size, read });
  }
  try {
    const nar = await narFromOciLayout(files);
    // An empty blob that was not served looks like one that was.
    return unread ?? { kind: "found", value: nar };
  } catch (error) {
    if (unread !== undefined) return unread;
    if (error instanceof Failure && whileReading.includes(error.code)) return broken(error.message);
    throw error;
  }
}

/** What a stream or a blob of other bytes throws; anything else, such as credentials that can't be read, ends the call. */
const whileReading: readonly string[] = ["REGISTRY_BROKEN", "LAYOUT_BLOB_MISMATCH"];

function broken(detail: string): Answer<never> {
  return { kind: "broken", detail };
}
