import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { startServer } from "./loopback-server.ts";
import type { PlannedAnswer } from "./loopback-server.ts";

async function tagsOf(t: TestContext, answer: (url: string) => PlannedAnswer) {
  const server = await startServer(t, ({ url }) => answer(url));
  const client = createRegistryClient({ retries: 0 });
  return { answer: await client.tags(`${server.host}/a/b`), seen: server.seen.map(({ url }) => url) };
}

const json = (body: unknown, headers: Readonly<Record<string, string>> = {}): PlannedAnswer => {
  return { status: 200, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
};

test("tags are read page by page, each once", async (t) => {
  const { answer, seen } = await tagsOf(t, (url) =>
    url.includes("last=")
      ? json({ name: "a/b", tags: ["v2", "v3"] })
      : json({ name: "a/b", tags: ["v1", "v2"] }, { link: '</v2/a/b/tags/list?last=v2&n=1000>; rel="next"' }),
  );
  assert.deepEqual(answer, { kind: "found", value: { tags: ["v1", "v2", "v3"], complete: true } });
  assert.equal(seen.length, 2);
});

test("a repository without tags, and one that is not there", async (t) => {
  assert.deepEqual((await tagsOf(t, () => json({ name: "a/b", tags: null }))).answer, {
    kind: "found",
    value: { tags: [], complete: true },
  });
  assert.deepEqual((await tagsOf(t, () => ({ status: 404 }))).answer, { kind: "absent" });
});

const numbered = (length: number) => Array.from({ length }, (_, index) => `t${String(index)}`);

test("more tags than are read are no failure: what was read is told, and that there are more", async (t) => {
  const { answer } = await tagsOf(t, () => json({ tags: numbered(50_001) }));
  assert.deepEqual(answer, { kind: "found", value: { tags: numbered(50_000), complete: false } });
  let page = 0;
  const pages = await tagsOf(t, () => {
    page += 1;
    const next = `</v2/a/b/tags/list?last=t${String(page)}>; rel="next"`;
    return json({ tags: [`t${String(page)}`] }, { link: next });
  });
  assert.ok(pages.answer.kind === "found");
  assert.deepEqual([pages.answer.value.tags.length, pages.answer.value.complete], [100, false]);
});

test("fallback tags of referrers and older signatures are no images, and count for nothing", async (t) => {
  const fallback = Array.from({ length: 60_000 }, (_, index) => `sha256-${index.toString(16).padStart(64, "0")}`);
  const { answer } = await tagsOf(t, () => json({ tags: [...fallback, `${fallback[0] ?? ""}.sig`, "v1"] }));
  assert.deepEqual(answer, { kind: "found", value: { tags: ["v1"], complete: true } });
});

for (const [what, answer, kind] of [
  ["no JSON", { status: 200, body: "<html>" }, "broken"],
  ["a tag that is none", json({ tags: ["../x"] }), "broken"],
  ["no list", json({ tags: "v1" }), "broken"],
  ["another status", { status: 418 }, "broken"],
  [
    "a next page on another host",
    json({ tags: [] }, { link: '<http://127.0.0.1:1/v2/a/b/tags/list>; rel="next"' }),
    "broken",
  ],
  ["a next page of another list", json({ tags: [] }, { link: '</v2/other/tags/list>; rel="next"' }), "broken"],
  ["pages in a circle", json({ tags: ["v1"] }, { link: '</v2/a/b/tags/list?n=1>; rel="next"' }), "broken"],
] as const) {
  test(`a list of tags with ${what} is ${kind}`, async (t) => {
    assert.equal((await tagsOf(t, () => answer)).answer.kind, kind);
  });
}
