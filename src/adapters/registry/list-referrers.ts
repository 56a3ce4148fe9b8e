import type { Answer } from "../../core/oci/answer.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { mediaTypes } from "../../core/oci/formats.ts";
import { fallbackTag, mergeReferrers, parseReferrerList } from "../../core/oci/referrers.ts";
import type { ReferrerDescriptor, ReferrerList } from "../../core/oci/referrers.ts";
import type { Reply } from "./exchange.ts";
import { contentType, pullManifest } from "./pull.ts";
import { statusDetail } from "./retry.ts";
import { repositoryUrl } from "./session.ts";
import type { Repository, Session } from "./session.ts";

/** Pages of one list that are read at most, and the bytes of all of them, in manifests of the largest size. */
const maxPages = 100;
const maxManifests = 4;

/** What answers for a registry without the referrers API (distribution-spec, "Backwards Compatibility"; gh's client). */
const unsupported: readonly number[] = [400, 404, 405, 406];

/**
 * All referrers of a digest, each once: what the referrers API lists, and what the fallback tag does. Both are read, as
 * registries were seen that answer the API with an empty list, and that list only what was pushed since they have it
 * (GHCR, 2026). Either of them unreadable is no answer: a missing statement could be the one that refuses.
 */
export async function listReferrers(
  session: Session,
  repository: Repository,
  digest: Digest,
): Promise<Answer<readonly ReferrerDescriptor[]>> {
  const [api, tag] = await Promise.all([
    referrersByApi(session, repository, digest),
    referrersByTag(session, repository, digest),
  ]);
  const lists: (readonly ReferrerDescriptor[])[] = [];
  for (const answer of [api, tag]) {
    if (answer.kind === "found") lists.push(answer.value.descriptors);
    else if (answer.kind !== "absent") return answer;
  }
  const merged = mergeReferrers(lists, session.settings.caps.referrers);
  return merged.ok ? { kind: "found", value: merged.descriptors } : { kind: merged.kind, detail: merged.detail };
}

type FoundList = Extract<ReferrerList, { ok: true }>;

/** The referrers API, page by page; `absent` when the registry has none. */
export async function referrersByApi(
  session: Session,
  repository: Repository,
  digest: Digest,
): Promise<Answer<Pick<FoundList, "descriptors">>> {
  const { caps } = session.settings;
  const descriptors: ReferrerDescriptor[] = [];
  const seen = new Set<string>();
  const registry = repositoryUrl(session.settings, repository);
  let bytesLeft = maxManifests * caps.manifestBytes;
  let at: string | URL = `referrers/${digest}`;
  for (let page = 0; page < maxPages; page += 1) {
    const answer = await session.request({
      repository,
      method: "GET",
      at,
      actions: "pull",
      headers: { accept: mediaTypes.index },
      maxBytes: Math.min(caps.manifestBytes, bytesLeft),
    });
    if (answer.kind !== "found") return answer;
    const reply = answer.value;
    bytesLeft -= reply.body.length;
    const notList = page === 0 ? noReferrersApi(reply) : undefined;
    if (notList !== undefined) return notList;
    if (reply.status !== 200 || contentType(reply) !== mediaTypes.index) {
      return { kind: "broken", detail: `a page of referrers: ${statusDetail(reply)}` };
    }
    const list = parseReferrerList(reply.body, caps.referrers - descriptors.length);
    if (!list.ok) return { kind: list.kind, detail: `${reply.url.host}: ${list.detail}` };
    descriptors.push(...list.descriptors);
    const next = nextPage(reply, registry);
    if (next === undefined) return { kind: "found", value: { descriptors } };
    if (typeof next === "string") return { kind: "broken", detail: next };
    if (seen.has(next.href)) return { kind: "broken", detail: `${next.host} lists its pages of referrers in a circle` };
    seen.add(next.href);
    at = next;
  }
  return { kind: "too-large", detail: `more than ${maxPages} pages of referrers` };
}

/** `absent` when the first answer shows that there is no such API; broken when it shows nothing. */
function noReferrersApi(reply: Reply): Answer<never> | undefined {
  // Also after a redirect to a website, as GHCR was seen to do: the registry itself chose to send us there.
  if (unsupported.includes(reply.status)) return { kind: "absent" };
  if (reply.status === 200) return contentType(reply) === mediaTypes.index ? undefined : { kind: "absent" };
  return { kind: "broken", detail: `the list of referrers: ${statusDetail(reply)}` };
}

/**
 * The `Link` header's next page (distribution-spec, "Listing Referrers" and "Listing Tags"); text when it must not be followed. Only the
 * registry itself may name one: another host, reached by a redirect, would be asked for it with credentials.
 */
export function nextPage(reply: Reply, registry: URL): URL | string | undefined {
  const link = reply.headers.get("link");
  if (link === null) return undefined;
  const target = /<([^>]{1,4096})>\s*;[^,]*\brel="?next"?/i.exec(link)?.[1];
  if (target === undefined) return undefined;
  if (reply.elsewhere || reply.url.origin !== registry.origin) {
    return `${reply.url.host}, reached by a redirect, names a next page of the list, which is not followed`;
  }
  const next = URL.parse(target, reply.url.href);
  if (next?.origin !== registry.origin) return `${reply.url.host} names a next page of the list on another host`;
  if (next.pathname !== reply.url.pathname) return `${reply.url.host} names a next page that is no part of this list`;
  return next;
}

/** What the tag `sha256-<hex>` lists, with what is needed to write it again; `absent` when there is no such tag. */
export async function referrersByTag(
  session: Session,
  repository: Repository,
  digest: Digest,
): Promise<Answer<FoundList & { readonly digest: Digest; readonly etag: string | undefined }>> {
  const answer = await pullManifest(session, repository, fallbackTag(digest));
  if (answer.kind !== "found") return answer;
  const { bytes, mediaType, etag, digest: listDigest } = answer.value;
  if (mediaType !== mediaTypes.index) {
    return { kind: "broken", detail: `the tag ${fallbackTag(digest)} holds no list of referrers` };
  }
  const list = parseReferrerList(bytes, session.settings.caps.referrers);
  if (!list.ok) return { kind: list.kind, detail: `the tag ${fallbackTag(digest)}: ${list.detail}` };
  return { kind: "found", value: { ...list, digest: listDigest, etag } };
}
