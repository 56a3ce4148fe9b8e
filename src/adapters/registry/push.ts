import type { Answer } from "../../core/oci/answer.ts";
import { digestOf } from "../../core/oci/digest.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { Reply } from "./exchange.ts";
import { statusDetail } from "./retry.ts";
import { repositoryUrl } from "./session.ts";
import type { Repository, Session } from "./session.ts";

export interface PushedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
}

/** Answers to writes carry no content that is used. */
const maxAnswerBytes = 64 * 1024;

/** Uploads a blob unless the registry has it (distribution-spec, "Pushing a blob monolithically", POST then PUT). */
export async function pushBlob(
  session: Session,
  repository: Repository,
  bytes: Uint8Array,
): Promise<Answer<{ readonly digest: Digest; readonly size: number }>> {
  const digest = digestOf(bytes);
  const pushed = { kind: "found", value: { digest, size: bytes.length } } as const;
  const write = { repository, actions: "pull,push", maxBytes: maxAnswerBytes } as const;
  const held = await session.request({ ...write, method: "HEAD", at: `blobs/${digest}` });
  if (held.kind !== "found") return held;
  if (held.value.status === 200) return pushed;
  const started = await session.request({ ...write, method: "POST", at: "blobs/uploads/", body: new Uint8Array() });
  if (started.kind !== "found") return started;
  const { status, headers, url } = started.value;
  const location = headers.get("location");
  if (status !== 202 || location === null) return refusedWrite(started.value, "an upload");
  const upload = URL.parse(location, url.href);
  // Bytes and token go to the registry itself; where else it points is its own doing.
  const own = repositoryUrl(session.settings, repository);
  if (upload?.origin !== own.origin || url.origin !== own.origin)
    return broken(`${url.host} wants the upload to go to another host`);
  upload.searchParams.set("digest", digest);
  const headersOfBlob = { "content-type": "application/octet-stream" };
  const stored = await session.request({ ...write, method: "PUT", at: upload, body: bytes, headers: headersOfBlob });
  if (stored.kind !== "found") return stored;
  return stored.value.status === 201 || stored.value.status === 204 ? pushed : refusedWrite(stored.value, "a blob");
}

/**
 * Writes a manifest or index under its digest, or under a tag. `broken` when the registry announces other bytes.
 * `conflict` in the detail's stead: 412 when `ifMatch` was given and the tag has moved.
 */
export async function pushManifest(
  session: Session,
  repository: Repository,
  manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  options: { readonly tag?: string | undefined; readonly ifMatch?: string | undefined } = {},
): Promise<Answer<PushedManifest> | { readonly kind: "conflict" }> {
  const digest = digestOf(manifest.bytes);
  const answer = await session.request({
    repository,
    method: "PUT",
    at: `manifests/${options.tag ?? digest}`,
    actions: "pull,push",
    headers: {
      "content-type": manifest.mediaType,
      ...(options.ifMatch === undefined ? {} : { "if-match": options.ifMatch }),
    },
    body: manifest.bytes,
    maxBytes: maxAnswerBytes,
  });
  if (answer.kind !== "found") return answer;
  const { status, headers, url } = answer.value;
  if (status === 412 && options.ifMatch !== undefined) return { kind: "conflict" };
  if (status < 200 || status >= 300) return refusedWrite(answer.value, "a manifest");
  const announced = headers.get("docker-content-digest");
  if (announced?.startsWith("sha256:") === true && announced !== digest) {
    return broken(`${url.host} stored other bytes than were pushed as ${digest}`);
  }
  return { kind: "found", value: { digest, mediaType: manifest.mediaType, size: manifest.bytes.length } };
}

function refusedWrite(reply: Reply, what: string): Answer<never> {
  // A 404 to a write is no answer about content: the registry takes nothing there.
  return broken(`${what} was not taken: ${statusDetail(reply)}`);
}

function broken(detail: string): Answer<never> {
  return { kind: "broken", detail };
}
