import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { RegistryClientOptions } from "../../../../src/adapters/registry/settings.ts";
import type { Answer } from "../../../../src/core/oci/answer.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import type { ReferrerDescriptor } from "../../../../src/core/oci/referrers.ts";
import { startServer } from "./loopback-server.ts";
import type { PlannedAnswer, SeenRequest } from "./loopback-server.ts";

const subject = digestOf("subject");
const tag = subject.replace(":", "-");
const type = { "content-type": mediaTypes.index };

function entry(name: string, more: object = {}): object {
  return { mediaType: mediaTypes.manifest, digest: digestOf(name), size: 100, ...more };
}

function list(...entries: object[]): PlannedAnswer {
  return {
    status: 200,
    headers: type,
    body: JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries }),
  };
}

/** What a registry with the given answers is taken to list. */
async function listed(
  t: TestContext,
  api: PlannedAnswer | ((request: SeenRequest) => PlannedAnswer),
  byTag: PlannedAnswer,
  options: RegistryClientOptions = {},
): Promise<Answer<readonly ReferrerDescriptor[]>> {
  const server = await startServer(t, (request) => {
    if (request.url.startsWith(`/v2/team/app/referrers/${subject}`))
      return typeof api === "function" ? api(request) : api;
    return request.url === `/v2/team/app/manifests/${tag}` ? byTag : { status: 500 };
  });
  const client = createRegistryClient({ sleep: () => Promise.resolve(), ...options });
  return client.referrers(`${server.host}/team/app`, subject);
}

function digests(answer: Answer<readonly ReferrerDescriptor[]>): string[] {
  assert.ok(answer.kind === "found", JSON.stringify(answer));
  return answer.value.map(({ digest }) => digest);
}

const none: PlannedAnswer = { status: 404 };

for (const [name, api] of [
  ["404", none],
  ["400", { status: 400 }],
  ["405", { status: 405 }],
  ["406", { status: 406 }],
  ["a web page", { status: 200, headers: { "content-type": "text/html" }, body: "<html>" }],
  ["an empty list", list()],
  ["another type of list", { ...list(), headers: { "content-type": mediaTypes.dockerIndex } }],
] as const) {
  test(`T7: an API that answers ${name} leaves what the fallback tag lists`, async (t) => {
    assert.deepEqual(digests(await listed(t, api, list(entry("a"), entry("b")))), [digestOf("a"), digestOf("b")]);
  });
}

test("T7: neither API nor tag: no referrers, which is an answer", async (t) => {
  assert.deepEqual(digests(await listed(t, none, none)), []);
  assert.deepEqual(digests(await listed(t, list(), none)), []);
});

test("both lists count, each digest once, whatever their artifact types say", async (t) => {
  const api = list(entry("a", { artifactType: "application/vnd.oci.empty.v1+json" }), entry("b"));
  const byTag = list(entry("b"), entry("b"), entry("c", { artifactType: "text/plain", annotations: { x: "y" } }));
  assert.deepEqual(digests(await listed(t, api, byTag)), [digestOf("a"), digestOf("b"), digestOf("c")]);
});

for (const [status, kind] of [
  [401, "unauthorized"],
  [403, "forbidden"],
  [429, "throttled"],
  [500, "broken"],
  [410, "broken"],
] as const) {
  test(`T7: ${status} of the API or of the tag is "${kind}", never an empty list`, async (t) => {
    assert.equal((await listed(t, { status }, list(entry("a")))).kind, kind);
    assert.equal((await listed(t, none, { status })).kind, kind);
    assert.equal((await listed(t, list(entry("a")), { status })).kind, kind);
  });
}

test("T7: a redirect to another host that throttles, as GHCR was seen to do, is throttled", async (t) => {
  const website = await startServer(t, () => ({ status: 429 }));
  const answer = await listed(
    t,
    { status: 303, headers: { location: `http://${website.host}/-/v2` } },
    list(entry("a")),
  );
  assert.ok(answer.kind === "throttled");
  assert.match(answer.detail, /after a redirect/);
});

test("T7: a 303 to another host's web page, as GHCR was seen to send, leaves what the fallback tag lists", async (t) => {
  for (const page of [
    { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: "<html>" },
    { status: 404, headers: { "content-type": "text/html" }, body: "<html>" },
  ]) {
    const website = await startServer(t, () => page);
    const redirect = { status: 303, headers: { location: `http://${website.host}/-/v2/packages/x` } };
    assert.deepEqual(digests(await listed(t, redirect, list(entry("a")))), [digestOf("a")]);
    assert.equal(website.seen.length, 1);
  }
});

for (const [name, planned] of [
  ["a 303 that leads nowhere", { status: 303 }],
  ["a 303 to itself", { status: 303, headers: { location: "" } }],
] as const) {
  test(`T7: ${name} is broken, by API and by tag`, async (t) => {
    assert.equal((await listed(t, planned, list(entry("a")))).kind, "broken");
    assert.equal((await listed(t, none, planned)).kind, "broken");
  });
}

test("T7: an API or a tag that does not end its answer in time is broken, and nobody waits for longer", async (t) => {
  const stalled: PlannedAnswer = { status: 200, headers: type, stream: (response) => response.write(" ") };
  const started = performance.now();
  const options = { timeoutMilliseconds: 200 };
  assert.equal((await listed(t, stalled, list(entry("a")), options)).kind, "broken");
  assert.equal((await listed(t, list(entry("a")), stalled, options)).kind, "broken");
  assert.ok(performance.now() - started < 3000);
});

for (const status of [429, 500, 503]) {
  test(`T7: a ${status} that passes is tried again, by API and by tag`, async (t) => {
    for (const byTag of [false, true]) {
      let failures = 2;
      const server = await startServer(t, ({ url }) => {
        if (url.includes("/manifests/") === byTag && failures-- > 0) return { status };
        return byTag && !url.includes("/manifests/") ? none : list(entry("a"));
      });
      const client = createRegistryClient({ sleep: () => Promise.resolve() });
      assert.deepEqual(digests(await client.referrers(`${server.host}/team/app`, subject)), [digestOf("a")]);
      assert.equal(server.seen.length, 4);
    }
  });
}

test("a referrer that moved from one list to the other is listed; one that left both is not, which is the registry's word", async (t) => {
  let moved = false;
  const server = await startServer(t, ({ url }) => {
    if (url.includes("/manifests/")) return moved ? list(entry("a")) : none;
    return moved ? list() : list(entry("a"), entry("b"));
  });
  const client = createRegistryClient();
  const repository = `${server.host}/team/app`;
  assert.deepEqual(digests(await client.referrers(repository, subject)), [digestOf("a"), digestOf("b")]);
  moved = true;
  assert.deepEqual(digests(await client.referrers(repository, subject)), [digestOf("a")]);
});

const malformed: readonly (readonly [string, PlannedAnswer])[] = [
  ["text", { status: 200, headers: type, body: "nothing" }],
  ["an image manifest", { status: 200, headers: type, body: JSON.stringify({ schemaVersion: 2, layers: [] }) }],
  ["deep JSON", { status: 200, headers: type, body: "[".repeat(1_000_000) }],
  ["duplicate keys", { status: 200, headers: type, body: '{"schemaVersion":2,"manifests":[],"manifests":[]}' }],
  ["a digest that is none", list(entry("a", { digest: "sha256:short" }))],
  ["a size that is none", list(entry("a", { size: -1 }))],
  ["a size beyond a double", { status: 200, headers: type, body: '{"schemaVersion":2,"manifests":[{"size":1e30}]}' }],
  ["two sizes for one digest", list(entry("a"), entry("a", { size: 7 }))],
];
for (const [name, bad] of malformed) {
  test(`T8: a list with ${name} is broken, by API and by tag`, async (t) => {
    assert.equal((await listed(t, bad, none)).kind, "broken");
    assert.equal((await listed(t, none, bad)).kind, "broken");
  });
}

test("a fallback tag that holds an image instead of a list is broken", async (t) => {
  const image = { status: 200, headers: { "content-type": mediaTypes.manifest }, body: "{}" };
  assert.equal((await listed(t, none, image)).kind, "broken");
});

test("T8, CVE-2023-46737: 10,000 referrers are too large, in one list, in pages and in both together", async (t) => {
  const many = (count: number, from = 0): object[] => Array.from({ length: count }, (_, i) => entry(`r${from + i}`));
  assert.equal((await listed(t, list(...many(10_000)), none)).kind, "too-large");
  assert.equal((await listed(t, none, list(...many(10_000)))).kind, "too-large");
  assert.equal((await listed(t, list(...many(600)), list(...many(600, 600)))).kind, "too-large");
  const paged = (request: SeenRequest): PlannedAnswer => {
    const page = Number(new URL(request.url, "http://r").searchParams.get("page") ?? 0);
    const link = `</v2/team/app/referrers/${subject}?page=${page + 1}>; rel="next"`;
    return { ...list(...many(300, page * 300)), headers: { ...type, link } };
  };
  assert.equal((await listed(t, paged, none)).kind, "too-large");
  assert.equal(digests(await listed(t, list(...many(1000)), none)).length, 1000);
});

test("pages are followed to the last one", async (t) => {
  const paged = (request: SeenRequest): PlannedAnswer => {
    const page = new URL(request.url, "http://r").searchParams.get("n");
    if (page === "2") return list(entry("c"));
    const link = `<?n=${page === null ? 1 : 2}>; rel="next"`;
    return { ...list(entry(page === null ? "a" : "b")), headers: { ...type, link } };
  };
  assert.deepEqual(digests(await listed(t, paged, none)), [digestOf("a"), digestOf("b"), digestOf("c")]);
});

for (const [name, link] of [
  ["on another host", `<http://127.0.0.1:1/v2/team/app/referrers/${subject}>; rel="next"`],
  ["elsewhere on the host", `</v2/other/app/referrers/${subject}?n=1>; rel="next"`],
  ["in a circle", `<?n=1>; rel="next"`],
] as const) {
  test(`CVE-2026-48501: a next page ${name} is broken, and empty pages end`, async (t) => {
    const answer = await listed(t, () => ({ ...list(), headers: { ...type, link } }), none);
    assert.equal(answer.kind, "broken");
  });
}

test("T8, GHSA-9m3v-v4r5-ppx7: endless empty pages are bounded", async (t) => {
  let page = 0;
  const answer = await listed(t, () => ({ ...list(), headers: { ...type, link: `<?n=${++page}>; rel="next"` } }), none);
  assert.equal(answer.kind, "too-large");
  assert.equal(page, 100);
});

test("a second page that is refused makes the whole list unknown", async (t) => {
  const answer = await listed(
    t,
    ({ url }) =>
      url.includes("?") ? { status: 404 } : { ...list(entry("a")), headers: { ...type, link: `<?n=1>; rel="next"` } },
    none,
  );
  assert.equal(answer.kind, "broken");
});

test("T8, CVE-2023-46737: pages that hold more than four of the largest manifests together are too large", async (t) => {
  let page = 0;
  const filler = { annotations: { filler: "x".repeat(700) } };
  const paged = (): PlannedAnswer => {
    const link = `<?n=${++page}>; rel="next"`;
    return { ...list(entry(`r${page}`, filler)), headers: { ...type, link } };
  };
  assert.equal((await listed(t, paged, none, { caps: { manifestBytes: 1024 } })).kind, "too-large");
  assert.equal(page, 5);
});
