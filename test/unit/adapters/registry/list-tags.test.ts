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
  assert.deepEqual(answer, { kind: "found", value: ["v1", "v2", "v3"] });
  assert.equal(seen.length, 2);
});

test("a repository without tags, and one that is not there", async (t) => {
  assert.deepEqual((await tagsOf(t, () => json({ name: "a/b", tags: null }))).answer, { kind: "found", value: [] });
  assert.deepEqual((await tagsOf(t, () => ({ status: 404 }))).answer, { kind: "absent" });
});

for (const [what, answer, kind] of [
  ["no JSON", { status: 200, body: "<html>" }, "broken"],
  ["a tag that is none", json({ tags: ["../x"] }), "broken"],
  ["no list", json({ tags: "v1" }), "broken"],
  ["another status", { status: 418 }, "broken"],
  ["too many tags", json({ tags: Array.from({ length: 5001 }, (_, index) => `t${String(index)}`) }), "too-large"],
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
