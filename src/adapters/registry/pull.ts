import type { Answer } from "../../core/oci/answer.ts";
import { digestOf, isDigest } from "../../core/oci/digest.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { mediaTypes } from "../../core/oci/formats.ts";
import { statusDetail } from "./retry.ts";
import type { Reply } from "./exchange.ts";
import type { RegistryRequest, Repository, Session } from "./session.ts";

/** A manifest or index as the registry served it; its digest is computed here. */
export interface PulledManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** All that a release or its referrers may be. */
export const manifestAccept = [
  mediaTypes.index,
  mediaTypes.manifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
].join(", ");

/**
 * Reads a manifest by tag or digest, once. `broken` when the registry contradicts itself: bytes that do not hash to the
 * digest asked for or announced, or two media types.
 */
export async function pullManifest(
  session: Session,
  repository: Repository,
  tagOrDigest: string,
): Promise<Answer<PulledManifest & { readonly etag: string | undefined }>> {
  const answer = await session.request({
    repository,
    method: "GET",
    at: `manifests/${tagOrDigest}`,
    actions: "pull",
    headers: { accept: manifestAccept },
    maxBytes: session.settings.caps.manifestBytes,
  });
  if (answer.kind !== "found") return answer;
  const reply = answer.value;
  const refused = unexpectedStatus(reply);
  if (refused !== undefined) return refused;
  const bytes = reply.body;
  const digest = digestOf(bytes);
  if (isDigest(tagOrDigest) && digest !== tagOrDigest) {
    return broken(`${reply.url.host} served bytes of ${digest} when asked for ${tagOrDigest}`);
  }
  const announced = reply.headers.get("docker-content-digest");
  // Another algorithm can't be compared; the bytes are bound by the SHA-256 computed here in any case.
  if (announced !== null && announced !== digest && !/^sha(?:384|512):[0-9a-f]{96,128}$/.test(announced)) {
    return broken(`${reply.url.host} announced another digest than that of the bytes it served, ${digest}`);
  }
  const header = contentType(reply);
  const inside = mediaTypeInside(bytes);
  if (inside !== undefined && header !== undefined && inside !== header) {
    return broken(`${reply.url.host} served ${digest} as ${nameOf(header)}, but it says of itself ${nameOf(inside)}`);
  }
  const mediaType = inside ?? header ?? "application/octet-stream";
  return { kind: "found", value: { digest, mediaType, bytes, etag: reply.headers.get("etag") ?? undefined } };
}

/** Reads a blob; `broken` when its bytes are not those of the descriptor. */
export async function pullBlob(
  session: Session,
  repository: Repository,
  blob: { readonly digest: Digest; readonly size: number },
  maxBytes: number,
): Promise<Answer<Uint8Array>> {
  if (blob.size > maxBytes) return tooLargeBlob(blob, maxBytes);
  const answer = await session.request(blobRequest(repository, blob));
  if (answer.kind === "too-large") return longerBlob(blob);
  if (answer.kind !== "found") return answer;
  const refused = unexpectedStatus(answer.value);
  if (refused !== undefined) return refused;
  const { body, url } = answer.value;
  if (body.length !== blob.size) {
    return broken(`${url.host} sent ${body.length} bytes for ${blob.digest}, whose size is ${blob.size}`);
  }
  const digest = digestOf(body);
  return digest === blob.digest
    ? { kind: "found", value: body }
    : broken(`${url.host} served bytes of ${digest} when asked for ${blob.digest}`);
}

/** The request for a blob; of a body that is read with it, one byte more than announced is enough to know it is wrong. */
export function blobRequest(
  repository: Repository,
  blob: { readonly digest: Digest; readonly size: number },
): RegistryRequest {
  return {
    repository,
    method: "GET",
    at: `blobs/${blob.digest}`,
    actions: "pull",
    headers: { accept: "application/octet-stream, */*" },
    maxBytes: blob.size + 1,
    expectedBytes: blob.size,
  };
}

/** The answer for a blob whose size alone says that it is not read. */
export function tooLargeBlob(
  { digest, size }: { readonly digest: Digest; readonly size: number },
  maxBytes: number,
): Answer<never> {
  return { kind: "too-large", detail: `${digest} has ${size} bytes, ${maxBytes} are allowed` };
}

/** The answer for a blob of which more bytes came, or were announced, than its descriptor says. */
export function longerBlob({ digest, size }: { readonly digest: Digest; readonly size: number }): Answer<never> {
  return broken(`more bytes came for ${digest} than its size, ${size}`);
}

/** 404 is an answer about the content; whatever else is not 2xx says nothing about it. */
export function unexpectedStatus(reply: Reply): Answer<never> | undefined {
  if (reply.status >= 200 && reply.status < 300) return undefined;
  // A host that the registry redirected to does not speak for what the registry holds.
  if (reply.status === 404 && !reply.elsewhere) return { kind: "absent" };
  return broken(statusDetail(reply));
}

/** The media type of an answer without its parameters. */
export function contentType(reply: Reply): string | undefined {
  const header = reply.headers.get("content-type");
  return header === null ? undefined : header.split(";")[0]?.trim().toLowerCase();
}

function mediaTypeInside(bytes: Uint8Array): string | undefined {
  try {
    // A hint for the caller; who relies on the content reads it strictly (core/oci/parse.ts).
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (typeof value !== "object" || value === null || !("mediaType" in value)) return undefined;
    return typeof value.mediaType === "string" ? value.mediaType : undefined;
  } catch {
    return undefined;
  }
}

/** Known types by name; nothing else that a registry writes is repeated, as it could echo what it was sent. */
function nameOf(mediaType: string): string {
  return (Object.values(mediaTypes) as string[]).includes(mediaType) ? mediaType : "another type";
}

function broken(detail: string): Answer<never> {
  return { kind: "broken", detail };
}
