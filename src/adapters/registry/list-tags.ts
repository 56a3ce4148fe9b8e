import { z } from "zod";
import type { Answer } from "../../core/oci/answer.ts";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { safeParse } from "../../core/safe-parse.ts";
import { nextPage } from "./list-referrers.ts";
import { statusDetail } from "./retry.ts";
import { repositoryUrl } from "./session.ts";
import type { Repository, Session } from "./session.ts";

const maxPages = 20;
const maxTags = 5000;
const maxPageBytes = 1024 * 1024;
/** distribution-spec, "Pulling manifests". */
const tag = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
const pageSchema = z.looseObject({ tags: z.array(tag).nullable() });

/**
 * All tags of a repository (distribution-spec, "Listing Tags"), in the registry's order. A list that can't be read whole is no
 * answer; one with more than 5,000 tags is too large.
 */
export async function listTags(session: Session, repository: Repository): Promise<Answer<readonly string[]>> {
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
    for (const each of parsed.data.tags ?? []) tags.add(each);
    if (tags.size > maxTags) return { kind: "too-large", detail: `more than ${maxTags} tags` };
    const next = nextPage(reply, registry);
    if (next === undefined) return { kind: "found", value: [...tags] };
    if (typeof next === "string") return { kind: "broken", detail: next };
    if (seen.has(next.href)) return { kind: "broken", detail: `${next.host} lists its pages of tags in a circle` };
    seen.add(next.href);
    at = next;
  }
  return { kind: "too-large", detail: `more than ${maxPages} pages of tags` };
}
