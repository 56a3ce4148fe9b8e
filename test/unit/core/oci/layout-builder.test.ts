import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { gzipPinned } from "../../../../src/core/oci/gzip.ts";
import { buildImage, buildIndex, buildLayer } from "../../../../src/core/oci/layout-builder.ts";
import type { BuiltImage } from "../../../../src/core/oci/layout-builder.ts";
import { blobPath, imageLayout, releaseLayout } from "../../../../src/core/oci/layout-files.ts";
import { parseIndex, parsePlatformManifest } from "../../../../src/core/oci/parse.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
const epoch = 1_700_000_000;

function imageFor(architecture: string, compression: "gzip" | "none" = "none"): BuiltImage {
  const layer = buildLayer([{ kind: "file", path: "etc/arch", bytes: encode(architecture) }], {
    sourceDateEpoch: epoch,
    compression,
  });
  return buildImage([layer], {
    platform: { os: "linux", architecture },
    sourceDateEpoch: epoch,
    entrypoint: ["/bin/app"],
    environment: { ZED: "1", ALPHA: "2" },
    exposedPorts: ["8080/tcp"],
    labels: { "org.opencontainers.image.source": "https://github.com/m1k1o/neko" },
  });
}

test("gzip's header holds no time and no operating system, and its content is the input", () => {
  const text = encode("content\n".repeat(10_000));
  const compressed = gzipPinned(text);
  assert.deepEqual([...compressed.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
  assert.deepEqual(new Uint8Array(gunzipSync(compressed)), text);
  assert.deepEqual(gzipPinned(text), compressed);
  assert.ok(compressed.length < text.length / 50);
});

test("an uncompressed image has known digests: a change of the format is seen", () => {
  const image = imageFor("amd64");
  assert.equal(image.layers[0]?.digest, image.layers[0]?.diffId);
  assert.equal(image.manifest.digest, "sha256:6b1548794fb06e8cb8562d1715fe914e01c10bad272ebdde5651e0d0af7a3a99");
});

test("a compressed layer names the tar's digest as its diff id", () => {
  const [layer] = imageFor("amd64", "gzip").layers;
  assert.ok(layer !== undefined);
  assert.equal(layer.mediaType, mediaTypes.layerGzip);
  assert.equal(digestOf(gunzipSync(layer.bytes)), layer.diffId);
  assert.equal(layer.diffId, imageFor("amd64").layers[0]?.diffId);
});

test("the config says what to run, with sorted environment and the epoch as its time", () => {
  const config = decode(imageFor("arm64").config.bytes) as Record<string, Record<string, unknown>>;
  assert.equal(config["architecture"], "arm64");
  assert.equal(config["created"], "2023-11-14T22:13:20Z");
  assert.deepEqual(config["config"]!["Env"], ["ALPHA=2", "ZED=1"]);
  assert.deepEqual(config["config"]!["ExposedPorts"], { "8080/tcp": {} });
  assert.deepEqual(config["rootfs"], {
    type: "layers",
    diff_ids: imageFor("arm64").layers.map(({ diffId }) => diffId),
  });
});

test("what is built, the strict readers accept", () => {
  const release = buildIndex([imageFor("arm64", "gzip"), imageFor("amd64", "gzip")]);
  const index = parseIndex(release.index.bytes, "index");
  assert.ok(index.ok, JSON.stringify(index));
  assert.deepEqual(
    index.proof.manifests.map(({ platform, digest }) => [platform.architecture, digest]),
    release.images.map(({ platform, manifest }) => [platform.architecture, manifest.digest]),
  );
  for (const { manifest, layers } of release.images) {
    const parsed = parsePlatformManifest(manifest.bytes, "manifest");
    assert.ok(parsed.ok, JSON.stringify(parsed));
    assert.deepEqual(
      parsed.proof.layers.map(({ digest }) => digest),
      layers.map(({ digest }) => digest),
    );
  }
});

test("the order in which platforms are given does not matter, and none comes twice", () => {
  const images = [imageFor("amd64"), imageFor("arm64")];
  assert.deepEqual(buildIndex(images).index, buildIndex(images.toReversed()).index);
  assert.throws(() => buildIndex([imageFor("amd64"), imageFor("amd64")]), RangeError);
});

test("a layout holds every blob once under its digest, and lists what it is", () => {
  const release = buildIndex([imageFor("amd64"), imageFor("arm64")]);
  const files = releaseLayout(release, "v1");
  assert.deepEqual(decode(files.get("oci-layout")!), { imageLayoutVersion: "1.0.0" });
  assert.deepEqual(decode(files.get("index.json")!), {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      {
        mediaType: mediaTypes.index,
        digest: release.index.digest,
        size: release.index.size,
        annotations: { "org.opencontainers.image.ref.name": "v1" },
      },
    ],
  });
  const paths = [...files.keys()];
  assert.deepEqual(paths, paths.toSorted());
  for (const [path, bytes] of files) {
    if (path.startsWith("blobs/")) assert.equal(path, blobPath(digestOf(bytes)));
  }
  assert.equal(paths.length, 2 + 1 + 2 * 3);
  assert.equal(imageLayout(imageFor("amd64")).size, 2 + 3);
});
