import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../../src/adapters/registry/client.ts";
import type { RegistryClient } from "../../../../src/adapters/registry/client.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { parseReferrerManifest } from "../../../../src/core/oci/parse.ts";
import type { Attachment } from "../../../../src/core/oci/referrer-builder.ts";
import { startServer } from "./loopback-server.ts";
import type { LoopbackServer } from "./loopback-server.ts";
import { memoryRegistry } from "./memory-registry.ts";
import type { MemoryRegistry, ReferrersBehaviour } from "./memory-registry.ts";

const image = Buffer.from('{"schemaVersion":2,"manifests":[]}');
const subject = { mediaType: mediaTypes.index, digest: digestOf(image), size: image.length };
const tag = subject.digest.replace(":", "-");

function bundle(name: string, predicateType = "https://slsa.dev/provenance/v1"): Attachment {
  return {
    artifactType: mediaTypes.bundle,
    layer: Buffer.from(JSON.stringify({ mediaType: mediaTypes.bundle, name })),
    layerMediaType: mediaTypes.bundle,
    annotations: {
      "dev.sigstore.bundle.content": "dsse-envelope",
      "dev.sigstore.bundle.predicateType": predicateType,
    },
  };
}

interface Rig {
  readonly registry: MemoryRegistry;
  readonly server: LoopbackServer;
  readonly client: RegistryClient;
  readonly repository: string;
}

async function rig(t: TestContext, options: Parameters<typeof memoryRegistry>[0]): Promise<Rig> {
  const registry = memoryRegistry(options);
  const server = await startServer(t, registry.answer);
  return { registry, server, client: createRegistryClient(), repository: `${server.host}/team/app` };
}

for (const [behaviour, listedBy] of [
  ["404", "fallback-tag"],
  ["empty", "fallback-tag"],
  ["works", "api"],
] satisfies [ReferrersBehaviour, string][]) {
  test(`what is attached is listed and read back when the referrers API ${behaviour === "works" ? "works" : `answers ${behaviour}`}`, async (t) => {
    const { client, repository, registry } = await rig(t, { referrers: behaviour });
    const attachment = bundle("é");
    const attached = await client.attach(repository, subject, attachment);
    assert.ok(attached.kind === "found", JSON.stringify(attached));
    assert.equal(attached.value.listedBy, listedBy);
    assert.equal(registry.manifests.has(tag), listedBy === "fallback-tag");
    const listed = await client.referrers(repository, subject.digest);
    assert.ok(listed.kind === "found");
    assert.deepEqual(
      listed.value.map(({ digest, size }) => [digest, size]),
      [[attached.value.descriptor.digest, attached.value.descriptor.size]],
    );
    const bytes = await client.manifest(repository, attached.value.descriptor.digest);
    assert.ok(bytes.kind === "found");
    const manifest = parseReferrerManifest(bytes.value, "r");
    assert.ok(manifest.ok, JSON.stringify(manifest));
    assert.deepEqual(manifest.proof.subject, subject);
    assert.equal(manifest.proof.artifactType, mediaTypes.bundle);
    assert.deepEqual(manifest.proof.annotations, attachment.annotations);
    const layer = await client.blob(repository, manifest.proof.layers[0]!);
    assert.ok(layer.kind === "found");
    assert.deepEqual(Buffer.from(layer.value), Buffer.from(attachment.layer));
  });
}

test("attaching the same bundle again adds nothing and writes no list", async (t) => {
  const { client, repository, server } = await rig(t, { referrers: "404" });
  const first = await client.attach(repository, subject, bundle("a"));
  const before = server.seen.filter(({ method, url }) => method === "PUT" && url.endsWith(tag)).length;
  const second = await client.attach(repository, subject, bundle("a"));
  assert.deepEqual(first, second);
  assert.equal(server.seen.filter(({ method, url }) => method === "PUT" && url.endsWith(tag)).length, before);
  const listed = await client.referrers(repository, subject.digest);
  assert.equal(listed.kind === "found" && listed.value.length, 1);
});

test("entries of other tools stay as they are, unknown fields included", async (t) => {
  const { client, repository, registry } = await rig(t, { referrers: "404" });
  const foreign = {
    mediaType: mediaTypes.manifest,
    digest: digestOf("foreign"),
    size: 5,
    artifactType: "application/vnd.oci.empty.v1+json",
    "x-unknown": [1, { a: null }],
  };
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [foreign] }));
  registry.manifests.set(tag, { type: mediaTypes.index, body });
  await client.attach(repository, subject, bundle("a"));
  const list = JSON.parse(registry.manifests.get(tag)!.body.toString()) as { manifests: unknown[] };
  assert.equal(list.manifests.length, 2);
  assert.deepEqual(list.manifests[0], foreign);
});

test("a list that can't be read is left alone", async (t) => {
  const { client, repository, registry } = await rig(t, { referrers: "404" });
  const body = Buffer.from("not a list");
  registry.manifests.set(tag, { type: mediaTypes.index, body });
  assert.equal((await client.attach(repository, subject, bundle("a"))).kind, "broken");
  assert.equal(registry.manifests.get(tag)?.body, body);
});

test("a full list is refused instead of being made unreadable", async (t) => {
  const { repository } = await rig(t, { referrers: "404" });
  const client = createRegistryClient({ caps: { referrers: 2 } });
  assert.equal((await client.attach(repository, subject, bundle("a"))).kind, "found");
  assert.equal((await client.attach(repository, subject, bundle("b"))).kind, "found");
  assert.equal((await client.attach(repository, subject, bundle("c"))).kind, "too-large");
  const listed = await client.referrers(repository, subject.digest);
  assert.equal(listed.kind === "found" && listed.value.length, 2);
});

test("20 attachments at once, by several clients of one process, all stay", async (t) => {
  for (const referrers of ["404", "empty", "works"] as const) {
    const { repository, server } = await rig(t, { referrers, delay: () => Math.random() * 20 });
    const clients = [createRegistryClient(), createRegistryClient(), createRegistryClient()];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => clients[i % 3]!.attach(repository, subject, bundle(`b${i}`))),
    );
    assert.ok(answers.every(({ kind }) => kind === "found"));
    const listed = await clients[0]!.referrers(repository, subject.digest);
    assert.equal(listed.kind === "found" && listed.value.length, 20);
    const lists = server.seen.filter(({ method, url }) => method === "PUT" && url.endsWith(tag)).length;
    assert.ok(referrers === "works" ? lists === 0 : lists < 10, `${lists} lists were written`);
  }
});

test("an addition that another writer undoes is added again", async (t) => {
  const { registry, repository, client } = await rig(t, { referrers: "404" });
  const foreign = { mediaType: mediaTypes.manifest, digest: digestOf("foreign"), size: 5 };
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [foreign] }));
  let stomps = 3;
  const timer = setInterval(() => {
    if (registry.manifests.has(tag) && stomps-- > 0) registry.manifests.set(tag, { type: mediaTypes.index, body });
  }, 60);
  t.after(() => {
    clearInterval(timer);
  });
  assert.equal((await client.attach(repository, subject, bundle("a"))).kind, "found");
  const listed = await client.referrers(repository, subject.digest);
  assert.equal(listed.kind === "found" && listed.value.length, 2);
});

test("where the registry sends ETags, a list that moved is read again instead of overwritten", async (t) => {
  const { registry, repository, server } = await rig(t, { referrers: "404", etags: true });
  const entry = (name: string): object => ({ mediaType: mediaTypes.manifest, digest: digestOf(name), size: 5 });
  const write = (...names: string[]): void => {
    const body = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: names.map(entry) }),
    );
    registry.manifests.set(tag, { type: mediaTypes.index, body });
  };
  write("x");
  let raced = false;
  const client = createRegistryClient({
    // Another writer comes between our reading and our writing, once.
    fetch: async (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      if (init.method === "PUT" && url.endsWith(tag) && !raced) {
        raced = true;
        write("x", "y");
      }
      return fetch(input, init);
    },
  });
  assert.equal((await client.attach(repository, subject, bundle("a"))).kind, "found");
  assert.ok(server.seen.some(({ headers }) => headers["if-match"] !== undefined));
  const listed = await client.referrers(repository, subject.digest);
  assert.equal(listed.kind === "found" && listed.value.length, 3);
});

test("a writer that can't win gives up, and says so", async (t) => {
  const { registry, repository } = await rig(t, { referrers: "404" });
  const client = createRegistryClient({
    // Every time that we wait to see whether the list stands still, it was emptied.
    sleep: () => {
      const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
      registry.manifests.set(tag, { type: mediaTypes.index, body });
      return Promise.resolve();
    },
  });
  const answer = await client.attach(repository, subject, bundle("a"));
  assert.ok(answer.kind === "broken");
  assert.match(answer.detail, /kept being replaced/);
});

test("refused writes are told apart and stop the attachment", async (t) => {
  for (const [status, kind] of [
    [401, "unauthorized"],
    [403, "forbidden"],
    [404, "broken"],
    [429, "throttled"],
    [500, "broken"],
  ] as const) {
    const server = await startServer(t, ({ method }) => ({ status: method === "HEAD" ? 404 : status }));
    const client = createRegistryClient({ sleep: () => Promise.resolve() });
    assert.equal((await client.attach(`${server.host}/team/app`, subject, bundle("a"))).kind, kind);
    const manifest = { mediaType: mediaTypes.index, bytes: image };
    assert.equal((await client.pushManifest(`${server.host}/team/app`, manifest, "v1")).kind, kind);
  }
});

test("a registry that stores other bytes than were pushed is broken", async (t) => {
  const headers = { "docker-content-digest": digestOf("other") };
  const server = await startServer(t, () => ({ status: 201, headers }));
  const manifest = { mediaType: mediaTypes.index, bytes: image };
  const answer = await createRegistryClient().pushManifest(`${server.host}/team/app`, manifest);
  assert.equal(answer.kind, "broken");
});

test("a tag that is none never becomes part of an address", async (t) => {
  const server = await startServer(t, () => ({ status: 201 }));
  const manifest = { mediaType: mediaTypes.index, bytes: image };
  for (const bad of ["../../other/manifests/x", "a b", "", "x?y"]) {
    await assert.rejects(createRegistryClient().pushManifest(`${server.host}/team/app`, manifest, bad), {
      code: "REFERENCE_INVALID",
    });
  }
  await assert.rejects(createRegistryClient().pushBlob(`${server.host}/team/../x`, image), {
    code: "REFERENCE_INVALID",
  });
  assert.equal(server.seen.length, 0);
});

test("only a referrer can be pushed as one", async (t) => {
  const { client, repository, server } = await rig(t, { referrers: "works" });
  assert.equal((await client.pushReferrer(repository, image)).kind, "broken");
  assert.equal(server.seen.length, 0);
});
