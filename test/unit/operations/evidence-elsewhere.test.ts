import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import { predicateTypes } from "../../../src/core/intoto/statement.ts";
import { bundleAttachment } from "../../../src/core/oci/bundle-attachment.ts";
import { digestOf } from "../../../src/core/oci/digest.ts";
import type { Digest } from "../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../src/core/oci/formats.ts";
import { legacySignatureTag, simpleSigningMediaType } from "../../../src/core/oci/legacy-signature-manifest.ts";
import { buildReferrer } from "../../../src/core/oci/referrer-builder.ts";
import type { Evidence } from "../../../src/core/verify/evidence.ts";
import { collectEvidence } from "../../../src/operations/collect-evidence.ts";
import type { CollectRequest } from "../../../src/operations/collect-evidence.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import type { LoopbackServer, PlannedAnswer, SeenRequest } from "../adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../adapters/registry/memory-registry.ts";
import type { MemoryRegistry } from "../adapters/registry/memory-registry.ts";

/** Evidence that does not lie among the image's own referrers: rebuilders' locations, and cosign's older signatures. */

const bodies = ["amd64", "arm64"].map((architecture) => Buffer.from(JSON.stringify({ architecture })));
const platforms = bodies.map((body) => digestOf(body));
const index = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: bodies.map((body) => ({
      mediaType: mediaTypes.manifest,
      digest: digestOf(body),
      size: body.length,
      platform: JSON.parse(`{"os":"linux",${body.toString().slice(1)}`) as object,
    })),
  }),
);
const digest = digestOf(index);
const client = createRegistryClient({ sleep: () => Promise.resolve() });

interface Place {
  readonly registry: MemoryRegistry;
  readonly server: LoopbackServer;
  readonly repository: string;
}

async function place(
  t: TestContext,
  instead: (request: SeenRequest) => PlannedAnswer | undefined = () => undefined,
): Promise<Place> {
  const registry = memoryRegistry({ referrers: "works" });
  const server = await startServer(t, (request) => instead(request) ?? registry.answer(request));
  return { registry, server, repository: `${server.host}/team/app` };
}

/** The image's own registry. */
async function imagePlace(
  t: TestContext,
  instead?: (request: SeenRequest) => PlannedAnswer | undefined,
): Promise<Place> {
  const own = await place(t, instead);
  own.registry.manifests.set(digest, { type: mediaTypes.index, body: index });
  for (const body of bodies) own.registry.manifests.set(digestOf(body), { type: mediaTypes.manifest, body });
  return own;
}

function attach({ registry }: Place, subject: Digest, text: string, predicateType: string): Digest {
  const bytes = Buffer.from(text);
  const about = { mediaType: mediaTypes.manifest, digest: subject, size: 1 };
  const { descriptor, manifest } = buildReferrer(about, bundleAttachment(bytes, predicateType));
  registry.manifests.set(descriptor.digest, { type: mediaTypes.manifest, body: Buffer.from(manifest) });
  registry.blobs.set(digestOf(bytes), bytes);
  return descriptor.digest;
}

function collect({ repository }: Place, more: Partial<CollectRequest> = {}): Promise<Evidence> {
  return collectEvidence(client, { repository, digest, trustedRoot: new Uint8Array(), ...more });
}

/** Per platform: how many referrers were found, or the kind of answer. */
function rebuildsOf(evidence: Evidence, id: string): unknown[] {
  const found = evidence.rebuilds?.get(id);
  return platforms.map((platform) => {
    const answer = found?.get(platform);
    return answer?.kind === "found" ? answer.value.map((referrer) => referrer.bundle.kind) : answer?.kind;
  });
}

test("what a rebuilder's own location lists for each platform is read, and an empty list is an answer", async (t) => {
  const [own, elsewhere] = [await imagePlace(t), await place(t)];
  const first = attach(elsewhere, platforms[0]!, "rebuilt", predicateTypes.provenance);
  const evidence = await collect(own, { rebuilders: [{ id: "ada", location: elsewhere.repository }] });
  assert.deepEqual(rebuildsOf(evidence, "ada"), [["found"], []]);
  const answer = evidence.rebuilds?.get("ada")?.get(platforms[0]!);
  assert.equal(answer?.kind === "found" && answer.value[0]?.digest, first);
  assert.equal((await collect(own)).rebuilds, undefined);
});

test("the image's own repository as a location is not asked again, nor one location for two rebuilders", async (t) => {
  const [own, elsewhere] = [await imagePlace(t), await place(t)];
  attach(own, platforms[1]!, "rebuilt", predicateTypes.provenance);
  await collect(own);
  const before = own.server.seen.length;
  const rebuilders = [
    { id: "own", location: own.repository },
    { id: "ada", location: elsewhere.repository },
    { id: "bob", location: elsewhere.repository },
  ];
  const evidence = await collect(own, { rebuilders });
  assert.equal(own.server.seen.length, 2 * before);
  // Per platform the two ways to list referrers.
  assert.equal(elsewhere.server.seen.length, 4);
  assert.deepEqual(rebuildsOf(evidence, "own"), [[], ["found"]]);
  assert.equal(evidence.rebuilds?.get("own")?.get(platforms[1]!), evidence.referrers.get(platforms[1]!));
  assert.deepEqual([...(evidence.rebuilds?.get("own")?.keys() ?? [])], platforms);
  assert.deepEqual(evidence.rebuilds?.get("ada"), evidence.rebuilds?.get("bob"));
});

for (const [status, kind] of [
  [401, "unauthorized"],
  [403, "forbidden"],
  [429, "throttled"],
  [500, "broken"],
] as const) {
  test(`T7: a location that answers ${status} is "${kind}", never an empty list; the image's own evidence stays`, async (t) => {
    const own = await imagePlace(t);
    const closed = await place(t, () => ({ status }));
    const evidence = await collect(own, { rebuilders: [{ id: "ada", location: closed.repository }] });
    assert.deepEqual(rebuildsOf(evidence, "ada"), [kind, kind]);
    assert.equal(evidence.referrers.get(digest)?.kind, "found");
  });
}

test("T7: a location where nobody listens is broken", async (t) => {
  const own = await imagePlace(t);
  const evidence = await collect(own, { rebuilders: [{ id: "ada", location: "127.0.0.1:1/team/app" }] });
  assert.deepEqual(rebuildsOf(evidence, "ada"), ["broken", "broken"]);
});

test("T8: a location that floods or stalls takes nothing from the image's own reads, nor from another location's", async (t) => {
  const own = await imagePlace(t);
  attach(own, digest, "x".repeat(500), predicateTypes.signature);
  const flooding = await place(t);
  for (let n = 0; n < 30; n += 1) attach(flooding, platforms[0]!, `${n}`.repeat(1000), predicateTypes.provenance);
  const stalling = await place(t, () => ({ status: 200, stream: (response) => response.write(" ") }));
  const good = await place(t);
  attach(good, platforms[0]!, "rebuilt", predicateTypes.provenance);
  const evidence = await collect(own, {
    maxBytes: 10_000,
    maxMilliseconds: 1500,
    rebuilders: [flooding, stalling, good].map(({ repository }, n) => ({ id: `r${n}`, location: repository })),
  });
  const [first] = rebuildsOf(evidence, "r0") as [string[]];
  assert.ok(first.includes("too-large") || first.includes("absent"), first.join());
  assert.deepEqual(rebuildsOf(evidence, "r1"), ["broken", "broken"]);
  assert.deepEqual(rebuildsOf(evidence, "r2"), [["found"], []]);
  const referrers = evidence.referrers.get(digest);
  assert.ok(referrers?.kind === "found" && referrers.value[0]?.bundle.kind === "found");
});

/** Puts an older signature's manifest under the index's tag. */
function putLegacy({ registry }: Place, payloads: readonly Buffer[], changes: object = {}): void {
  for (const payload of payloads) registry.blobs.set(digestOf(payload), payload);
  const layers = payloads.map((payload, n) => ({
    mediaType: simpleSigningMediaType,
    digest: digestOf(payload),
    size: payload.length,
    annotations: { "dev.cosignproject.cosign/signature": `MEUC${n}` },
  }));
  const config = { mediaType: mediaTypes.config, digest: digestOf("config"), size: 6 };
  const body = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers, ...changes }),
  );
  registry.manifests.set(legacySignatureTag(digest), { type: mediaTypes.manifest, body });
}

test("older signatures are read with their payloads and annotations; the same payload once", async (t) => {
  const own = await imagePlace(t);
  const payload = Buffer.from('{"critical":{}}');
  putLegacy(own, [payload, payload, Buffer.from("other")]);
  const { legacySignatures } = await collect(own, { legacySignatures: true });
  assert.ok(legacySignatures?.kind === "found");
  assert.deepEqual(
    legacySignatures.value.map(({ digest: of, payload: read, annotations }) => [of, read.kind, annotations]),
    [payload, payload, Buffer.from("other")].map((bytes, n) => [
      digestOf(bytes),
      "found",
      { "dev.cosignproject.cosign/signature": `MEUC${n}` },
    ]),
  );
  assert.equal(own.server.seen.filter(({ url }) => url.includes(`/blobs/`)).length, 2);
});

test("no such tag is no signature; where a bundle claims to be one and older ones don't count, the tag is not asked for", async (t) => {
  const own = await imagePlace(t);
  assert.deepEqual((await collect(own)).legacySignatures, { kind: "found", value: [] });
  attach(own, digest, "provenance", predicateTypes.provenance);
  assert.deepEqual((await collect(own)).legacySignatures, { kind: "found", value: [] });
  attach(own, digest, "signature", predicateTypes.signature);
  const before = own.server.seen.length;
  assert.equal((await collect(own)).legacySignatures, undefined);
  assert.ok(!own.server.seen.slice(before).some(({ url }) => url.endsWith(".sig")));
  assert.deepEqual((await collect(own, { legacySignatures: true })).legacySignatures, { kind: "found", value: [] });
});

test("CVE-2024-29903, GHSA-rvrx-rrwh-r9p6: more than 64 older signatures are too large, and none is read", async (t) => {
  const own = await imagePlace(t);
  putLegacy(
    own,
    Array.from({ length: 65 }, (_, n) => Buffer.from(`${n}`)),
  );
  assert.equal((await collect(own, { legacySignatures: true })).legacySignatures?.kind, "too-large");
  assert.ok(!own.server.seen.some(({ url }) => url.includes("/blobs/")));
  putLegacy(
    own,
    Array.from({ length: 64 }, (_, n) => Buffer.from(`${n}`)),
  );
  assert.equal((await collect(own, { legacySignatures: true })).legacySignatures?.kind, "found");
});

test("CVE-2024-29902: a payload over 64 KiB is too large without being asked for; the others are read", async (t) => {
  const own = await imagePlace(t);
  putLegacy(own, [Buffer.alloc(64 * 1024), Buffer.alloc(64 * 1024 + 1)]);
  const { legacySignatures } = await collect(own, { legacySignatures: true });
  assert.ok(legacySignatures?.kind === "found");
  assert.deepEqual(
    legacySignatures.value.map(({ payload }) => payload.kind),
    ["found", "too-large"],
  );
  assert.equal(own.server.seen.filter(({ url }) => url.includes("/blobs/")).length, 1);
});

test("a tag that holds anything else is broken, and one that can't be read keeps its answer", async (t) => {
  const own = await imagePlace(t);
  putLegacy(own, [], { artifactType: "application/x" });
  assert.equal((await collect(own, { legacySignatures: true })).legacySignatures?.kind, "broken");
  for (const [status, kind] of [
    [401, "unauthorized"],
    [403, "forbidden"],
    [429, "throttled"],
    [500, "broken"],
  ] as const) {
    const closed = await imagePlace(t, ({ url }) => (url.endsWith(".sig") ? { status } : undefined));
    assert.equal((await collect(closed, { legacySignatures: true })).legacySignatures?.kind, kind);
  }
});
