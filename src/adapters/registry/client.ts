import { Failure } from "../../core/failure.ts";
import type { Answer } from "../../core/oci/answer.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { BlobDescriptor } from "../../core/oci/parse.ts";
import type { Attachment } from "../../core/oci/referrer-builder.ts";
import type { ReferrerDescriptor } from "../../core/oci/referrers.ts";
import { parseReference } from "../../core/release/reference.ts";
import type { Reference } from "../../core/release/reference.ts";
import { attach, pushReferrer } from "./attach.ts";
import type { Attached } from "./attach.ts";
import { openBlob } from "./blob-stream.ts";
import { listReferrers } from "./list-referrers.ts";
import { listTags } from "./list-tags.ts";
import type { TagList } from "./list-tags.ts";
import { pullBlob, pullManifest } from "./pull.ts";
import type { PulledManifest } from "./pull.ts";
import { pushBlob, pushManifest } from "./push.ts";
import type { PushedManifest } from "./push.ts";
import { createSession, endingWith, parseRepository } from "./session.ts";
import { settingsOf } from "./settings.ts";
import type { RegistryClientOptions } from "./settings.ts";

/**
 * A client of OCI registries (distribution-spec v1.1). Every method tells apart what the registry answered; nothing but
 * `absent` says that something is not there. Methods reject only with a Failure (a reference that is none, credentials
 * that can't be read) or the reason of the client's signal. `repository` is `registry/path`.
 */
export interface RegistryClient {
  /**
   * Reads what a tag or digest names, once; a digest wins over a tag. The digest is that of the bytes. Once the signal of
   * this or another reading method is aborted, its answer is `broken`.
   */
  resolve(reference: Reference, signal?: AbortSignal): Promise<Answer<PulledManifest>>;
  /** The bytes of a manifest or index, hashed. */
  manifest(repository: string, digest: Digest, signal?: AbortSignal): Promise<Answer<Uint8Array>>;
  /** The bytes of a blob, hashed; `maxBytes` allows more than the client's cap. */
  blob(
    repository: string,
    blob: { readonly digest: Digest; readonly size: number },
    maxBytes?: number,
    signal?: AbortSignal,
  ): Promise<Answer<Uint8Array>>;
  /**
   * A blob of any size up to `maxBytes`, 16 GiB unless given, as it comes. Until the first byte an answer like `blob`'s;
   * then the stream throws Failure (unavailable) for whatever is not that blob, and nothing that it gave counts before
   * it has ended. It must be iterated: else the connection is held until the signal, or the time for its size, ends it.
   */
  blobStream(
    repository: string,
    blob: { readonly digest: Digest; readonly size: number },
    maxBytes?: number,
    signal?: AbortSignal,
  ): Promise<Answer<AsyncIterable<Uint8Array>>>;
  /** All referrers of a digest, each once, of whatever type; none is an empty list. Their contents are unverified. */
  referrers(repository: string, digest: Digest, signal?: AbortSignal): Promise<Answer<readonly ReferrerDescriptor[]>>;
  /** The tags of a repository, without fallback tags, up to the list's bounds. */
  tags(repository: string, signal?: AbortSignal): Promise<Answer<TagList>>;
  pushBlob(repository: string, bytes: Uint8Array): Promise<Answer<{ readonly digest: Digest; readonly size: number }>>;
  /** Under its digest, and under a tag when one is given. */
  pushManifest(
    repository: string,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    tag?: string,
  ): Promise<Answer<PushedManifest>>;
  /** Attaches one layer (a Sigstore bundle) to an image as an OCI 1.1 referrer; idempotent. */
  attach(repository: string, subject: BlobDescriptor, attachment: Attachment): Promise<Answer<Attached>>;
  /** Pushes a referrer's manifest as it stands and lists it; its blobs must be there. */
  pushReferrer(repository: string, manifest: Uint8Array): Promise<Answer<Attached>>;
}

/** Of one blob that is streamed: layers of images, not of releases. */
const maxStreamedBytes = 16 * 1024 ** 3;

/** A client with its own credentials, caps and tokens; it holds no connection that would keep a process alive. */
export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const settings = settingsOf(options);
  const session = createSession(settings);
  return {
    async resolve(reference, signal) {
      const named = reference.digest ?? reference.tag;
      if (named === undefined) throw namesNothing(reference);
      const answer = await pullManifest(endingWith(session, signal), reference, named);
      if (answer.kind !== "found") return answer;
      const { digest, mediaType, bytes } = answer.value;
      return { kind: "found", value: { digest, mediaType, bytes } };
    },
    async manifest(repository, digest, signal) {
      const answer = await pullManifest(endingWith(session, signal), parseRepository(repository), digest);
      return answer.kind === "found" ? { kind: "found", value: answer.value.bytes } : answer;
    },
    async blob(repository, blob, maxBytes, signal) {
      const allowed = maxBytes ?? settings.caps.blobBytes;
      return pullBlob(endingWith(session, signal), parseRepository(repository), blob, allowed);
    },
    async blobStream(repository, blob, maxBytes = maxStreamedBytes, signal) {
      return openBlob(endingWith(session, signal), parseRepository(repository), blob, maxBytes);
    },
    async referrers(repository, digest, signal) {
      return listReferrers(endingWith(session, signal), parseRepository(repository), digest);
    },
    async tags(repository, signal) {
      return listTags(endingWith(session, signal), parseRepository(repository));
    },
    async pushBlob(repository, bytes) {
      return pushBlob(session, parseRepository(repository), bytes);
    },
    async pushManifest(repository, manifest, tag) {
      // Refuses a tag that is none before it becomes part of an address.
      if (tag !== undefined) parseReference(`${repository}:${tag}`);
      const answer = await pushManifest(session, parseRepository(repository), manifest, { tag });
      return answer.kind === "conflict" ? { kind: "broken", detail: "the tag moved while it was written" } : answer;
    },
    async attach(repository, subject, attachment) {
      return attach(session, parseRepository(repository), subject, attachment);
    },
    async pushReferrer(repository, manifest) {
      return pushReferrer(session, parseRepository(repository), manifest);
    },
  };
}

function namesNothing(reference: Reference): Failure {
  return new Failure({
    code: "REFERENCE_INVALID",
    kind: "usage",
    message: `"${reference.repository}" names neither a tag nor a digest.`,
    remedy: `Write ${reference.repository}:<tag> or ${reference.repository}@sha256:<64 hex digits>.`,
  });
}
