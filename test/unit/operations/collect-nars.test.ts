import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import type { RegistryClientOptions } from "../../../src/adapters/registry/settings.ts";
import { Failure } from "../../../src/core/failure.ts";
import { narHash } from "../../../src/core/nix/nar.ts";
import type { NarDigest } from "../../../src/core/nix/nar.ts";
import { treeOfFiles } from "../../../src/core/nix/tree.ts";
import type { Answer } from "../../../src/core/oci/answer.ts";
import { digestOf } from "../../../src/core/oci/digest.ts";
import type { Digest } from "../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../src/core/oci/formats.ts";
import { buildImage, buildIndex, buildLayer } from "../../../src/core/oci/layout-builder.ts";
import type { BuiltImage } from "../../../src/core/oci/layout-builder.ts";
import { imageLayout } from "../../../src/core/oci/layout-files.ts";
import { collectEvidence } from "../../../src/operations/collect-evidence.ts";
import { collectNars } from "../../../src/operations/collect-nars.ts";
import type { CollectNarsRequest } from "../../../src/operations/collect-nars.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import type { LoopbackServer, PlannedAnswer, SeenRequest } from "../adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../adapters/registry/memory-registry.ts";
import type { MemoryRegistry } from "../adapters/registry/memory-registry.ts";

const epoch = { sourceDateEpoch: 1_700_000_000 };

function layerOf(text: string): ReturnType<typeof buildLayer> {
  return buildLayer([{ kind: "file", path: "etc/built", bytes: Buffer.from(text.repeat(1000)) }], epoch);
}

function image(architecture: string): BuiltImage {
  const layers = [layerOf("common"), layerOf(`for ${architecture}`)];
  return buildImage(layers, { platform: { os: "linux", architecture }, ...epoch, command: ["/bin/true"] });
}

const images = [image("amd64"), image("arm64")];
const [amd64, arm64] = images.map(({ manifest }) => manifest.digest) as [Digest, Digest];
const expected = new Map(images.map((one) => [one.manifest.digest, narHash(treeOfFiles(imageLayout(one)))]));
const size = (one: BuiltImage): number => [one.config, ...one.layers].reduce((sum, { bytes }) => sum + bytes.length, 0);

interface Rig {
  readonly registry: MemoryRegistry;
  readonly server: LoopbackServer;
  readonly repository: string;
  readonly collect: (
    more?: Partial<CollectNarsRequest>,
    options?: RegistryClientOptions,
  ) => Promise<ReadonlyMap<Digest, Answer<NarDigest>>>;
}

async function rig(
  t: TestContext,
  instead: (request: SeenRequest) => PlannedAnswer | undefined = () => undefined,
): Promise<Rig> {
  const registry = memoryRegistry({ referrers: "works" });
  for (const { manifest, config, layers } of images) {
    registry.manifests.set(manifest.digest, { type: mediaTypes.manifest, body: Buffer.from(manifest.bytes) });
    for (const { digest, bytes } of [config, ...layers]) registry.blobs.set(digest, Buffer.from(bytes));
  }
  const server = await startServer(t, (request) => instead(request) ?? registry.answer(request));
  const repository = `${server.host}/team/app`;
  const manifests = new Map(
    images.map(({ manifest }) => [manifest.digest, { kind: "found", value: manifest.bytes } as const]),
  );
  const limits = { bytes: 1024 ** 3, milliseconds: 60_000 };
  return {
    registry,
    server,
    repository,
    collect: (more = {}, options = {}) =>
      collectNars(createRegistryClient({ sleep: () => Promise.resolve(), ...options }), {
        repository,
        manifests,
        limits,
        ...more,
      }),
  };
}

test("each platform's NAR is that of its layout on disk, and no layer is asked for twice for one platform", async (t) => {
  const { collect, server } = await rig(t);
  const nars = await collect();
  assert.deepEqual(
    [...nars].map(([digest, answer]) => [digest, answer.kind === "found" && answer.value]),
    [...expected],
  );
  assert.equal(server.seen.length, 6);
});

test("deep evidence has a NAR for each platform of the index; without deep there is none", async (t) => {
  const { registry, repository } = await rig(t);
  const { index } = buildIndex(images);
  registry.manifests.set(index.digest, { type: mediaTypes.index, body: Buffer.from(index.bytes) });
  const request = { repository, digest: index.digest, trustedRoot: new Uint8Array() };
  const client = createRegistryClient();
  const { nars } = await collectEvidence(client, { ...request, deep: true });
  assert.deepEqual(
    new Map([...(nars ?? [])].map(([digest, answer]) => [digest, answer.kind === "found" && answer.value])),
    expected,
  );
  assert.equal((await collectEvidence(client, request)).nars, undefined);
  const small = { bytes: 10, milliseconds: 1000 };
  const limited = await collectEvidence(client, { ...request, deep: true, deepLimits: small });
  assert.deepEqual(
    [...(limited.nars ?? [])].map(([, { kind }]) => kind),
    ["too-large", "too-large"],
  );
});

const layer = images[0]!.layers[1]!;
const changed = Buffer.from(layer.bytes);
changed[20] = changed[20]! ^ 1;

for (const [name, planned, kind, detail] of [
  ["other bytes", { status: 200, body: changed }, "broken", /served bytes of sha256:/],
  ["fewer bytes", { status: 200, body: layer.bytes.subarray(1) }, "broken", /its size is/],
  ["more bytes", { status: 200, body: Buffer.concat([layer.bytes, changed]) }, "broken", /more bytes came/],
  ["no such blob", { status: 404 }, "broken", /has no sha256:.* which it names/],
  ["a sign-in", { status: 401 }, "unauthorized", /401/],
  ["a refusal", { status: 403 }, "forbidden", /403/],
  ["a limit", { status: 429 }, "throttled", /429/],
  ["an error", { status: 500 }, "broken", /500/],
] as const) {
  test(`T9: a layer answered with ${name} makes its own platform's NAR "${kind}", and no other's`, async (t) => {
    const { collect } = await rig(t, ({ url }) => (url.endsWith(layer.digest) ? planned : undefined));
    const nars = await collect();
    const answer = nars.get(amd64);
    assert.ok(answer !== undefined && answer.kind === kind, JSON.stringify(answer));
    assert.match("detail" in answer ? answer.detail : "", detail);
    assert.equal(nars.get(arm64)?.kind, "found");
  });
}

test("T8: what would exceed the bytes is too large before any of it is asked for; the rest is read", async (t) => {
  const { collect, server } = await rig(t);
  const nars = await collect({ limits: { bytes: size(images[0]!) + 10, milliseconds: 60_000 } });
  assert.equal(nars.get(amd64)?.kind, "found");
  assert.equal(nars.get(arm64)?.kind, "too-large");
  assert.equal(server.seen.length, 3);
});

test("T8: a layer that drips ends all in the time allowed, as broken, and closes its connections", async (t) => {
  const closed: Promise<void>[] = [];
  const { collect } = await rig(t, () => ({
    status: 200,
    stream: (response) => {
      const timer = setInterval(() => response.write("x"), 10);
      closed.push(
        new Promise((resolve) => {
          response.on("close", () => {
            clearInterval(timer);
            resolve();
          });
        }),
      );
    },
  }));
  const started = performance.now();
  const nars = await collect({ limits: { bytes: 1024 ** 3, milliseconds: 300 } });
  assert.ok(performance.now() - started < 3000);
  for (const answer of nars.values()) {
    assert.deepEqual(answer, { kind: "broken", detail: "its layers could not be read within the 0.3 s allowed" });
  }
  await Promise.all(closed);
});

test("a manifest that was not read keeps its answer; one that is none, or contradicts itself, is broken", async (t) => {
  const { collect, server } = await rig(t);
  const twoSizes = JSON.parse(Buffer.from(images[0]!.manifest.bytes).toString()) as { layers: { size: number }[] };
  twoSizes.layers.push({ ...twoSizes.layers[0]!, size: 1 });
  const bytes = Buffer.from(JSON.stringify(twoSizes));
  const nars = await collect({
    manifests: new Map<Digest, Answer<Uint8Array>>([
      [digestOf("a"), { kind: "throttled", detail: "x" }],
      [digestOf("b"), { kind: "absent" }],
      [digestOf("{}"), { kind: "found", value: Buffer.from("{}") }],
      [digestOf(bytes), { kind: "found", value: bytes }],
    ]),
  });
  assert.deepEqual(
    [...nars.values()].map(({ kind }) => kind),
    ["throttled", "absent", "broken", "broken"],
  );
  assert.equal(server.seen.length, 0);
});

test("an interrupted client rejects with its reason, and credentials that can't be read with their failure", async (t) => {
  const abort = new AbortController();
  const stalled = await rig(t, () => ({ status: 200, stream: (response) => response.write("x") }));
  setTimeout(() => {
    abort.abort(new Error("interrupted"));
  }, 100);
  await assert.rejects(stalled.collect({}, { signal: abort.signal }), /^Error: interrupted$/);
  const failure = new Failure({ code: "DOCKER_CONFIG_INVALID", kind: "usage", message: "m", remedy: "r" });
  const closed = await rig(t, () => ({ status: 401, headers: { "www-authenticate": "Basic" } }));
  await assert.rejects(closed.collect({}, { credentials: () => Promise.reject(failure) }), {
    code: "DOCKER_CONFIG_INVALID",
  });
});
