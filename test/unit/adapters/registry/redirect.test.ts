import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import { createSession } from "../../../../src/adapters/registry/session.ts";
import { settingsOf } from "../../../../src/adapters/registry/settings.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { startServer } from "./loopback-server.ts";
import type { LoopbackServer } from "./loopback-server.ts";

const content = "content";
const blob = { digest: digestOf(content), size: content.length };
const sleep = (): Promise<void> => Promise.resolve();
const credentials = (): Promise<{ kind: "basic"; username: string; password: string }> =>
  Promise.resolve({ kind: "basic", username: "ada", password: "hunter2" });

test("CVE-2026-48501: a redirect to another host is followed without credentials", async (t) => {
  const storage = await startServer(t, () => ({ status: 200, body: content }));
  const registry = await startServer(t, ({ headers }) =>
    headers.authorization === undefined
      ? { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } }
      : { status: 307, headers: { location: `http://${storage.host}/bucket/object?signature=s3cret` } },
  );
  const client = createRegistryClient({ credentials, sleep });
  assert.equal((await client.blob(`${registry.host}/team/app`, blob)).kind, "found");
  assert.ok(registry.seen.some(({ headers }) => headers.authorization?.startsWith("Basic ")));
  assert.deepEqual(
    storage.seen.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

test("a redirect within the registry keeps the credentials", async (t) => {
  const registry = await startServer(t, ({ url, headers }) => {
    if (headers.authorization === undefined) return { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } };
    return url.startsWith("/v2/")
      ? { status: 302, headers: { location: "/storage/1" } }
      : { status: 200, body: content };
  });
  const client = createRegistryClient({ credentials, sleep });
  assert.equal((await client.blob(`${registry.host}/team/app`, blob)).kind, "found");
});

test("redirects in a circle are broken after a few", async (t) => {
  const registry = await startServer(t, ({ url }) => ({ status: 303, headers: { location: url } }));
  const answer = await createRegistryClient({ sleep }).blob(`${registry.host}/team/app`, blob);
  assert.ok(answer.kind === "broken");
  assert.match(answer.detail, /redirected more than 5 times/);
  assert.equal(registry.seen.length, 6);
});

test("T7: what another host answers after a redirect is no answer of the registry about its content", async (t) => {
  for (const [status, kind] of [
    [404, "broken"],
    [401, "unauthorized"],
    [403, "forbidden"],
    [429, "throttled"],
  ] as const) {
    const elsewhere = await startServer(t, () => ({ status, headers: { "www-authenticate": 'Basic realm="phish"' } }));
    const registry = await startServer(t, () => ({
      status: 303,
      headers: { location: `http://${elsewhere.host}/-/v2/packages/` },
    }));
    const client = createRegistryClient({ credentials, sleep });
    const answer = await client.manifest(`${registry.host}/team/app`, blob.digest);
    assert.equal(answer.kind, kind);
    assert.ok(
      "detail" in answer && answer.detail.includes(`${elsewhere.host} answered ${status}`),
      JSON.stringify(answer),
    );
    // The other host's challenge is never answered.
    assert.ok(elsewhere.seen.every(({ headers }) => headers.authorization === undefined));
  }
});

for (const [name, location, detail] of [
  ["to another host without TLS", "http://elsewhere.example/x?token=s3cret", /without TLS/],
  ["from the internet to this machine", "http://127.0.0.1:1/latest/meta-data", /on this machine/],
  ["from the internet to a private network", "https://169.254.169.254/latest/meta-data", /or in its network/],
  ["from the internet to an address written otherwise", "https://0x0a.1/", /or in its network/],
  ["with credentials in the address", "https://user:pass@elsewhere.example/", /an address with credentials/],
  ["to something that is no web address", "file:///etc/passwd", /no web address/],
] as const) {
  test(`CVE-2026-48501: a redirect ${name} is not followed`, async () => {
    const asked: string[] = [];
    const client = createRegistryClient({
      sleep,
      fetch: (input) => {
        asked.push(input instanceof Request ? input.url : String(input));
        return Promise.resolve(new Response(null, { status: 302, headers: { location } }));
      },
    });
    const answer = await client.manifest("ghcr.io/team/app", blob.digest);
    assert.ok(answer.kind === "broken");
    assert.match(answer.detail, detail);
    assert.ok(!answer.detail.includes("s3cret") && !answer.detail.includes("pass@"));
    assert.equal(asked.length, 1);
  });
}

test("CVE-2026-48501: an upload is not sent after a redirect, nor to another host", async (t) => {
  const elsewhere = await startServer(t, () => ({ status: 201 }));
  const plans = [
    { status: 307, headers: { location: `http://${elsewhere.host}/` } },
    { status: 202, headers: { location: `http://${elsewhere.host}/upload` } },
  ];
  for (const planned of plans) {
    const registry = await startServer(t, ({ method }) => (method === "HEAD" ? { status: 404 } : planned));
    const answer = await createRegistryClient({ sleep }).pushBlob(`${registry.host}/team/app`, Buffer.from(content));
    assert.equal(answer.kind, "broken");
  }
  assert.equal(elsewhere.seen.length, 0);
});

for (const [name, wantsSignIn] of [
  ["the password that the registry itself asked for", true],
  ["an answer to a challenge of its own", false],
] as const) {
  test(`CVE-2026-48501: a host that a list of referrers was redirected to can't get ${name} by naming a next page`, async (t) => {
    const evil: LoopbackServer = await startServer(t, ({ url }) => {
      const { pathname, searchParams } = new URL(url, "http://evil");
      if (pathname === "/steal") return { status: 200, body: JSON.stringify({ token: "any" }) };
      if (searchParams.has("n"))
        return { status: 401, headers: { "www-authenticate": `Bearer realm="http://${evil.host}/steal"` } };
      return {
        status: 200,
        headers: { "content-type": mediaTypes.index, link: `<${pathname}?n=2>; rel="next"` },
        body: JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }),
      };
    });
    const registry = await startServer(t, ({ url, headers }) => {
      if (wantsSignIn && headers.authorization === undefined)
        return { status: 401, headers: { "www-authenticate": 'Basic realm="r"' } };
      return url.includes("/referrers/")
        ? { status: 307, headers: { location: `http://${evil.host}${url}` } }
        : { status: 404 };
    });
    const client = createRegistryClient({ credentials, sleep });
    const answer = await client.referrers(`${registry.host}/team/app`, blob.digest);
    assert.ok(answer.kind === "broken");
    assert.match(answer.detail, /reached by a redirect, names a next page/);
    assert.deepEqual(
      evil.seen.map(({ url, headers }) => [url.split("?")[1], headers.authorization]),
      [[undefined, undefined]],
    );
  });
}

test("CVE-2026-48501: an address on another host than the registry's is not asked at all", async (t) => {
  const evil = await startServer(t, () => ({
    status: 401,
    headers: { "www-authenticate": 'Basic realm="phish"' },
  }));
  const session = createSession(settingsOf({ credentials, sleep }));
  const answer = await session.request({
    repository: { registry: "ghcr.io", path: "team/app" },
    method: "GET",
    at: new URL(`http://${evil.host}/v2/team/app/tags/list`),
    actions: "pull",
    maxBytes: 1000,
  });
  assert.equal(answer.kind, "broken");
  assert.equal(evil.seen.length, 0);
});

for (const [status, kind] of [
  [404, "broken"],
  [401, "unauthorized"],
] as const) {
  test(`CVE-2026-48501: another host that redirects back gets no credentials sent, and its ${status} is "${kind}"`, async (t) => {
    const cdn: LoopbackServer = await startServer(t, () => ({
      status: 302,
      headers: { location: `http://${registry.host}/gone` },
    }));
    const registry: LoopbackServer = await startServer(t, ({ url, headers }) => {
      const challenge = { "www-authenticate": 'Basic realm="r"' };
      if (url === "/gone") return { status, headers: challenge };
      if (headers.authorization === undefined) return { status: 401, headers: challenge };
      return { status: 307, headers: { location: `http://${cdn.host}/object` } };
    });
    const client = createRegistryClient({ credentials, sleep });
    const answer = await client.manifest(`${registry.host}/team/app`, blob.digest);
    assert.equal(answer.kind, kind);
    assert.ok("detail" in answer && answer.detail.includes("after a redirect"));
    const back = registry.seen.filter(({ url }) => url === "/gone");
    assert.deepEqual(
      back.map(({ headers }) => headers.authorization),
      [undefined],
    );
  });
}
