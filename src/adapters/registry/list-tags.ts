import { z } from "zod";
import type { Answer } from "../../core/oci/answer.ts";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { safeParse } from "../../core/safe-parse.ts";
import { nextPage } from "./list-referrers.ts";
import { statusDetail } from "./retry.ts";
import { repositoryUrl } from "./session.ts";
import type { Repository, Session } from "./session.ts";

const maxPages = 100;
const maxTags = 50_000;
/** A registry may ignore how many it was asked for. */
const maxPageBytes = 8 * 1024 * 1024;
/** Fallback tags hold lists of referrers, and older signatures (distribution-spec, "Referrers Tag Schema"; cosign). */
const noImage = /^sha256-[0-9a-f]{64}(?:\.[a-z]+)?$/;
/** distribution-spec, "Pulling manifests". */
const tag = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
const pageSchema = z.looseObject({ tags: z.array(tag).nullable() });

/** What a repository has under names of its own. */
export interface TagList {
  /** In the registry's order, each once, without the fallback tags that every referrer and signature may have. */
  readonly tags: readonly string[];
  /** False when there are more than are read: 50,000 tags, or 100 pages. */
  readonly complete: boolean;
}

/**
 * The tags of a repository (distribution-spec, "Listing Tags"). A page that can't be read is no answer: what is missing then
 * is not told by anybody.
 */
export async function listTags(session: Session, repository: Repository): Promise<Answer<TagList>> {
  const registry = repositoryUrl(session.settings, repository);
  const tags = new Set<string>();
  const seen = new Set<string>();
  let at: string | URL = "tags/list?n=1000";
  for (let page = 0; page < maxPages; page += 1) {
    const answer = await session.request({ repository, method: "GET", at, actions: "pull", maxBytes: maxPageBytes });
    if (answer.kind !== "found") return answer;
    const reply = answer.value;
    if (reply.status === 404) return { kind: "absent" };
    if (reply.status !== 200) return { kind: "broken", detail: `the list of tags: ${statusDetail(reply)}` };
    const json = parseStrictJson(reply.body, { maxBytes: maxPageBytes, maxDepth: 4 });
    const parsed = safeParse(pageSchema, json.ok ? json.value : undefined);
    if (!parsed.success) return { kind: "broken", detail: `${reply.url.host}: the list of tags is none` };
    for (const each of parsed.data.tags ?? []) if (!noImage.test(each)) tags.add(each);
    if (tags.size > maxTags) return { kind: "found", value: { tags: [...tags].slice(0, maxTags), complete: false } };
    const next = nextPage(reply, registry);
    if (next === undefined) return { kind: "found", value: { tags: [...tags], complete: true } };
    if (typeof next === "string") return { kind: "broken", detail: next };
    if (seen.has(next.href)) return { kind: "broken", detail: `${next.host} lists its pages of tags in a circle` };
    seen.add(next.href);
    at = next;
  }
  return { kind: "found", value: { tags: [...tags], complete: false } };
}
