import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import type { Answer } from "../../../src/core/oci/answer.ts";
import { digestOf } from "../../../src/core/oci/digest.ts";
import type { Digest } from "../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../src/core/oci/formats.ts";
import { buildReferrer } from "../../../src/core/oci/referrer-builder.ts";
import { collectEvidence } from "../../../src/operations/collect-evidence.ts";
import type { CollectRequest } from "../../../src/operations/collect-evidence.ts";
import type { Evidence, ReferrerEvidence } from "../../../src/core/verify/evidence.ts";
import { verifyRelease } from "../../../src/core/verify/verify-release.ts";
import { serveRelease } from "../../support/release-registry.ts";
import { startReleaseLab } from "../../support/release-lab.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import type { LoopbackServer } from "../adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../adapters/registry/memory-registry.ts";
import type { MemoryRegistry } from "../adapters/registry/memory-registry.ts";

/** An image of some platforms, in a registry that counts what is under way. */
interface Rig {
  readonly registry: MemoryRegistry;
  readonly server: LoopbackServer;
  readonly digest: Digest;
  readonly platforms: readonly Digest[];
  /** The most requests of this kind (`manifests`, `blobs`) that were under way at once. */
  readonly most: (kind: string) => number;
  collect(more?: Partial<CollectRequest>): Promise<Evidence>;
}

async function rig(t: TestContext, platformCount: number, delay: (url: string) => number = () => 0): Promise<Rig> {
  const registry = memoryRegistry({ referrers: "works" });
  const bodies = Array.from({ length: platformCount }, (_, position) =>
    Buffer.from(JSON.stringify({ platform: position })),
  );
  for (const body of bodies) registry.manifests.set(digestOf(body), { type: mediaTypes.manifest, body });
  const manifests = bodies.map((body, position) => ({
    mediaType: mediaTypes.manifest,
    digest: digestOf(body),
    size: body.length,
    platform: { os: "linux", architecture: "arm64", variant: `v${position + 1}` },
  }));
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
  registry.manifests.set(digestOf(index), { type: mediaTypes.index, body: index });
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const server = await startServer(t, async (request) => {
    const kind = request.url.split("/").at(-2) ?? "";
    running.set(kind, (running.get(kind) ?? 0) + 1);
    most.set(kind, Math.max(most.get(kind) ?? 0, running.get(kind) ?? 0));
    const wait = delay(request.url);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait).unref());
    running.set(kind, (running.get(kind) ?? 0) - 1);
    return registry.answer(request);
  });
  const repository = `${server.host}/team/app`;
  const digest = digestOf(index);
  return {
    registry,
    server,
    digest,
    platforms: bodies.map((body) => digestOf(body)),
    most: (kind) => most.get(kind) ?? 0,
    collect: (more = {}) =>
      collectEvidence(createRegistryClient(), { repository, digest, trustedRoot: new Uint8Array(), ...more }),
  };
}

/** Puts a referrer with one layer into the registry; the layer's digest. */
function attach(registry: MemoryRegistry, subject: Digest, layer: Uint8Array, mediaType: string): Digest {
  const about = { mediaType: mediaTypes.manifest, digest: subject, size: 1 };
  const built = buildReferrer(about, { artifactType: mediaType, layer, layerMediaType: mediaType });
  registry.manifests.set(built.descriptor.digest, { type: mediaTypes.manifest, body: Buffer.from(built.manifest) });
  registry.blobs.set(digestOf(layer), Buffer.from(layer));
  return digestOf(layer);
}

function referrersOf(evidence: Evidence, subject: Digest): readonly ReferrerEvidence[] {
  const answer = evidence.referrers.get(subject);
  assert.ok(answer?.kind === "found", JSON.stringify(answer));
  return answer.value;
}

function held(answer: Answer<Uint8Array>): number {
  return answer.kind === "found" ? answer.value.length : 0;
}

const lab = await startReleaseLab();

test("T8, CVE-2024-29902: an artifact of 30 MB that somebody attached is not downloaded, and the release still verifies", async (t) => {
  const served = await serveRelease(t, lab);
  const { registry, server, repository } = served;
  const foreign = attach(registry, lab.evidence.digest, Buffer.alloc(30_000_000), "application/vnd.example.video");
  const { digest, trustedRoot } = lab.evidence;
  const evidence = await collectEvidence(createRegistryClient(), { repository, digest, trustedRoot });
  assert.ok(!server.seen.some(({ url }) => url.includes(foreign)));
  assert.ok(
    referrersOf(evidence, digest).some(({ manifest, bundle }) => manifest.kind === "found" && bundle.kind === "absent"),
  );
  const policy = lab.policyWith({ "images.0.repository": repository });
  const result = verifyRelease(evidence, policy, lab.now);
  assert.ok(result.ok, JSON.stringify(result));
});

for (const mediaType of [
  "application/vnd.dev.sigstore.bundle.v0.3+json",
  "application/vnd.dev.sigstore.bundle+json;version=0.1",
  "application/vnd.dev.sigstore.bundle.v9+json",
]) {
  test(`a layer of ${mediaType} is read: whether it counts is for the verification to say`, async (t) => {
    const it = await rig(t, 1);
    attach(it.registry, it.digest, Buffer.from("a bundle"), mediaType);
    const [referrer] = referrersOf(await it.collect(), it.digest);
    assert.equal(referrer?.bundle.kind, "found");
  });
}

test("a small artifact of another type is not downloaded either, nor one with two layers", async (t) => {
  const it = await rig(t, 1);
  const small = attach(it.registry, it.digest, Buffer.from("text"), "text/plain");
  const bundle = attach(it.registry, it.digest, Buffer.from("a bundle"), mediaTypes.bundle);
  for (const [name, { type, body }] of [...it.registry.manifests]) {
    const manifest = JSON.parse(body.toString("utf8")) as {
      layers?: { digest: string }[];
    };
    if (manifest.layers?.[0]?.digest !== bundle) continue;
    const two = Buffer.from(JSON.stringify({ ...manifest, layers: [...manifest.layers, ...manifest.layers] }));
    it.registry.manifests.delete(name);
    it.registry.manifests.set(digestOf(two), { type, body: two });
  }
  const read = referrersOf(await it.collect(), it.digest);
  assert.deepEqual(
    read.map(({ manifest, bundle: answer }) => [manifest.kind, answer.kind]),
    [
      ["found", "absent"],
      ["found", "absent"],
    ],
  );
  assert.ok(!it.server.seen.some(({ url }) => url.includes(small) || url.includes(bundle)));
});

test("T8, CVE-2023-46737, GHSA-rvrx-rrwh-r9p6: all bundles of a release together stay within its bytes; those beyond are too large", async (t) => {
  const it = await rig(t, 2);
  for (const subject of [it.digest, ...it.platforms]) {
    for (let n = 0; n < 20; n += 1) attach(it.registry, subject, Buffer.alloc(50_000 + n, n), mediaTypes.bundle);
  }
  const maxBytes = 1_000_000;
  const evidence = await it.collect({ maxBytes });
  const all = [it.digest, ...it.platforms].flatMap((subject) => referrersOf(evidence, subject));
  assert.equal(all.length, 60);
  const bytes = all.reduce((sum, { manifest, bundle }) => sum + held(manifest) + held(bundle), 0);
  assert.ok(bytes > maxBytes / 2 && bytes <= maxBytes, `${bytes}`);
  const kinds = new Set(all.map(({ bundle }) => bundle.kind));
  assert.deepEqual([...kinds].sort(), ["found", "too-large"]);
});

test("T7: a registry that stalls ends the collection in its time, as broken", async (t) => {
  const it = await rig(t, 1, (url) => (url.includes("/blobs/") ? 60_000 : 0));
  attach(it.registry, it.digest, Buffer.from("a bundle"), mediaTypes.bundle);
  const started = performance.now();
  const [referrer] = referrersOf(await it.collect({ maxMilliseconds: 500 }), it.digest);
  assert.ok(performance.now() - started < 5000);
  assert.ok(referrer?.bundle.kind === "broken");
  assert.match(referrer.bundle.detail, /within the 0.5 s allowed for one release/);
});

test("eight calls are under way at once, over all platforms together", async (t) => {
  const it = await rig(t, 8, () => 10);
  for (const subject of it.platforms) {
    for (let n = 0; n < 10; n += 1) attach(it.registry, subject, Buffer.from(`${subject} ${n}`), mediaTypes.bundle);
  }
  await it.collect();
  assert.ok(it.most("blobs") <= 8 && it.most("blobs") > 4, `${it.most("blobs")}`);
  // Referrers are listed in two ways at once, one of which asks for a manifest.
  assert.ok(it.most("manifests") <= 8, `${it.most("manifests")}`);
});

test("T8, CVE-2024-29903: of an index with 40 platforms 16 are read; the others are too large, not absent", async (t) => {
  const it = await rig(t, 40);
  const evidence = await it.collect();
  const kinds = it.platforms.map((digest) => [
    evidence.manifests.get(digest)?.kind,
    evidence.referrers.get(digest)?.kind,
  ]);
  assert.deepEqual(kinds.slice(0, 16), Array(16).fill(["found", "found"]));
  assert.deepEqual(kinds.slice(16), Array(24).fill(["too-large", "too-large"]));
  const hidden = it.platforms.slice(16);
  assert.ok(!it.server.seen.some(({ url }) => hidden.some((digest) => url.includes(digest))));
});
