import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { pullLayout, pushLayout } from "../../src/adapters/registry/layout-transfer.ts";
import { unwrap } from "../../src/adapters/registry/unwrap.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import { mediaTypes } from "../../src/core/oci/formats.ts";
import { buildImage, buildIndex, buildLayer } from "../../src/core/oci/layout-builder.ts";
import type { BuiltIndex } from "../../src/core/oci/layout-builder.ts";
import { releaseLayout } from "../../src/core/oci/layout-files.ts";
import { parseIndex, parsePlatformManifest, parseReferrerManifest } from "../../src/core/oci/parse.ts";
import { buildReferrer } from "../../src/core/oci/referrer-builder.ts";
import type { Attachment } from "../../src/core/oci/referrer-builder.ts";
import { parseReference } from "../../src/core/release/reference.ts";
import { addCarelessly } from "../support/careless-writer.ts";
import { testBoth } from "./registry-process.ts";

function release(): BuiltIndex {
  const images = ["arm64", "amd64"].map((architecture) => {
    const content = Buffer.from(`built for ${architecture}\n`.repeat(100));
    const layer = buildLayer([{ kind: "file", path: "etc/built", bytes: content }], { sourceDateEpoch: 1_700_000_000 });
    const platform = { os: "linux", architecture };
    return buildImage([layer], { platform, sourceDateEpoch: 1_700_000_000, command: ["/bin/true"] });
  });
  return buildIndex(images);
}

const built = release();
const { index } = built;

function bundle(name: string): Attachment {
  return {
    artifactType: mediaTypes.bundle,
    layer: Buffer.from(JSON.stringify({ mediaType: mediaTypes.bundle, name })),
    layerMediaType: mediaTypes.bundle,
    annotations: { "dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": "https://x/é" },
  };
}

testBoth("an index of two platforms is pushed, resolved and read back byte for byte", async ({ repository }) => {
  const client = createRegistryClient();
  await pushLayout(client, repository(), releaseLayout(built), "v1.0.0");
  const resolved = unwrap(await client.resolve(parseReference(`${repository()}:v1.0.0`)), "image");
  assert.equal(resolved.digest, index.digest);
  assert.equal(resolved.mediaType, mediaTypes.index);
  const parsed = parseIndex(resolved.bytes, "index");
  assert.ok(parsed.ok);
  assert.deepEqual(
    parsed.proof.manifests.map(({ platform }) => platform.architecture),
    ["amd64", "arm64"],
  );
  for (const entry of parsed.proof.manifests) {
    const manifest = parsePlatformManifest(unwrap(await client.manifest(repository(), entry.digest), "manifest"), "m");
    assert.ok(manifest.ok);
    for (const blob of [manifest.proof.config, ...manifest.proof.layers]) {
      assert.equal(digestOf(unwrap(await client.blob(repository(), blob), "blob")), blob.digest);
    }
  }
  assert.deepEqual(await client.resolve(parseReference(`${repository()}:v2`)), { kind: "absent" });
  assert.deepEqual(await client.manifest(repository(), digestOf("nothing")), { kind: "absent" });
  assert.deepEqual(await client.blob(repository(), { digest: digestOf("nothing"), size: 7 }), { kind: "absent" });
  assert.deepEqual(await client.referrers(repository(), index.digest), { kind: "found", value: [] });
});

testBoth("several referrers are attached, listed and read; the same again adds none", async ({ repository }, kind) => {
  const client = createRegistryClient();
  await pushLayout(client, repository(), releaseLayout(built));
  for (const name of ["signature", "provenance", "sbom", "signature"]) {
    const attached = unwrap(await client.attach(repository(), index, bundle(name)), name);
    assert.equal(attached.listedBy, kind === "crane" ? "fallback-tag" : "api");
  }
  const listed = unwrap(await client.referrers(repository(), index.digest), "referrers");
  assert.equal(listed.length, 3);
  const names = [];
  for (const { digest } of listed) {
    const manifest = parseReferrerManifest(unwrap(await client.manifest(repository(), digest), "referrer"), digest);
    assert.ok(manifest.ok);
    assert.equal(manifest.proof.subject.digest, index.digest);
    const layer = unwrap(await client.blob(repository(), manifest.proof.layers[0]!), "bundle");
    names.push((JSON.parse(Buffer.from(layer).toString()) as { name: string }).name);
  }
  assert.deepEqual(names.sort(), ["provenance", "sbom", "signature"]);
  assert.deepEqual(await client.referrers(repository(), built.images[0]!.manifest.digest), {
    kind: "found",
    value: [],
  });
});

testBoth("20 attachments at once in one process lose nothing", async ({ repository }) => {
  const client = createRegistryClient();
  await pushLayout(client, repository(), releaseLayout(built));
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      unwrap(await client.attach(repository(), index, bundle(`b${i}`)), `b${i}`),
    ),
  );
  assert.equal(unwrap(await client.referrers(repository(), index.digest), "referrers").length, 20);
});

function attachInProcess(repository: string, name: string): Promise<void> {
  const worker = join(import.meta.dirname, "registry-attach-worker.ts");
  const subject = JSON.stringify({ mediaType: index.mediaType, digest: index.digest, size: index.size });
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [worker, repository, subject, name], { stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`worker ${name}: ${errors}`));
    });
  });
}

testBoth("4 processes that attach 5 each at once lose nothing", async ({ repository }) => {
  const client = createRegistryClient();
  await pushLayout(client, repository(), releaseLayout(built));
  await Promise.all(["a", "b", "c", "d"].map((name) => attachInProcess(repository(), name)));
  assert.equal(unwrap(await client.referrers(repository(), index.digest), "referrers").length, 20);
});

testBoth(
  "attachments beside a careless writer, as go-containerregistry is, lose nothing of ours",
  async ({ repository }) => {
    const client = createRegistryClient();
    await pushLayout(client, repository(), releaseLayout(built));
    const careless = (async () => {
      for (let n = 0; n < 15; n += 1) {
        const { descriptor, manifest, blobs } = buildReferrer(index, bundle(`foreign ${n}`));
        for (const { bytes } of blobs) unwrap(await client.pushBlob(repository(), bytes), "foreign blob");
        unwrap(await client.pushManifest(repository(), { mediaType: mediaTypes.manifest, bytes: manifest }), "foreign");
        await addCarelessly(repository(), index.digest, descriptor, 20 + Math.random() * 50);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
      }
    })();
    const ours: string[] = [];
    for (const name of ["a", "b", "c", "d", "e"]) {
      ours.push(unwrap(await client.attach(repository(), index, bundle(name)), name).descriptor.digest);
    }
    await careless;
    const listed = unwrap(await client.referrers(repository(), index.digest), "referrers").map(
      ({ digest }) => digest as string,
    );
    assert.ok(ours.every((digest) => listed.includes(digest)));
  },
);

testBoth(
  "a restart: what the registry forgot is pushed again from a layout, with the same digests",
  async (rig, kind) => {
    const client = createRegistryClient();
    await pushLayout(client, rig.repository(), releaseLayout(built, "v1"));
    unwrap(await client.attach(rig.repository(), index, bundle("signature")), "signature");
    unwrap(await client.attach(rig.repository(), built.images[1]!.manifest, bundle("sbom")), "sbom");
    const saved = await pullLayout(client, rig.repository(), index.digest, 1024 * 1024);
    await rig.restart();
    const after = await client.resolve(parseReference(`${rig.repository()}:v1`));
    // crane keeps blobs on disk and manifests in memory only; the other registry journals its manifests.
    assert.equal(after.kind, kind === "crane" ? "absent" : "found");
    const blob = await client.blob(rig.repository(), built.images[0]!.layers[0]!);
    assert.equal(blob.kind, "found");
    if (kind === "crane") assert.equal(await pushLayout(client, rig.repository(), saved, "v1"), index.digest);
    const again = unwrap(await client.resolve(parseReference(`${rig.repository()}:v1`)), "image");
    assert.equal(again.digest, index.digest);
    assert.equal(unwrap(await client.referrers(rig.repository(), index.digest), "referrers").length, 1);
    const ofPlatform = await client.referrers(rig.repository(), built.images[1]!.manifest.digest);
    assert.equal(unwrap(ofPlatform, "referrers").length, 1);
    assert.deepEqual(await pullLayout(client, rig.repository(), index.digest, 1024 * 1024), saved);
  },
);

testBoth("a list of more referrers than are read is refused as too large", async ({ repository }) => {
  const writer = createRegistryClient();
  const reader = createRegistryClient({ caps: { referrers: 9 } });
  await pushLayout(writer, repository(), releaseLayout(built));
  await Promise.all(Array.from({ length: 10 }, (_, i) => writer.attach(repository(), index, bundle(`b${i}`))));
  assert.equal((await reader.referrers(repository(), index.digest)).kind, "too-large");
  assert.equal((await writer.referrers(repository(), index.digest)).kind, "found");
});
