import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import {
  parseImageManifest,
  parseIndex,
  parsePlatformManifest,
  parseReferrerManifest,
} from "../../../../src/core/oci/parse.ts";
import type { Checked } from "../../../../src/core/verify/finding.ts";

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const digest = (name: string): string => digestOf(name);

type Json = Record<string, unknown>;

function indexWith(change: (index: Json, entries: Json[]) => void = () => undefined): Uint8Array {
  const entries: Json[] = ["amd64", "arm64"].map((architecture) => ({
    mediaType: mediaTypes.manifest,
    digest: digest(architecture),
    size: 500,
    platform: { architecture, os: "linux" },
  }));
  const index: Json = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries };
  change(index, entries);
  return encode(index);
}

function manifestWith(change: (manifest: Json, layers: Json[]) => void = () => undefined): Uint8Array {
  const layers: Json[] = [{ mediaType: mediaTypes.layerGzip, digest: digest("layer"), size: 10 }];
  const manifest: Json = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: digest("config"), size: 20 },
    layers,
  };
  change(manifest, layers);
  return encode(manifest);
}

function referrerWith(change: (manifest: Json) => void = () => undefined): Uint8Array {
  const manifest: Json = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: mediaTypes.bundle,
    config: { mediaType: mediaTypes.empty, digest: digestOf("{}"), size: 2, data: "e30=" },
    layers: [{ mediaType: mediaTypes.bundle, digest: digest("bundle"), size: 900 }],
    subject: { mediaType: mediaTypes.index, digest: digest("index"), size: 700 },
    annotations: { "dev.sigstore.bundle.content": "dsse-envelope" },
  };
  change(manifest);
  return encode(manifest);
}

function refusal(result: Checked<unknown>): string {
  assert.equal(result.ok, false);
  return result.findings.map((finding) => `${finding.code} ${finding.found}`).join("; ");
}

test("reads an index of two platforms with their digests and sizes", () => {
  const result = parseIndex(indexWith(), "r@d");
  assert.ok(result.ok);
  assert.deepEqual(
    result.proof.manifests.map((entry) => [entry.platform.architecture, entry.digest, entry.size]),
    [
      ["amd64", digest("amd64"), 500],
      ["arm64", digest("arm64"), 500],
    ],
  );
});

const badIndexes: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ["that is not JSON", new TextEncoder().encode("<html>"), /unexpected character "<" at line 1, column 1/],
  ["without a media type", indexWith((index) => delete index["mediaType"]), /^INDEX_INVALID mediaType/],
  ["of another media type", indexWith((index) => (index["mediaType"] = mediaTypes.manifest)), /mediaType/],
  ["of another schema version", indexWith((index) => (index["schemaVersion"] = 1)), /schemaVersion/],
  ["without platforms", indexWith((index) => (index["manifests"] = [])), /manifests/],
  ["that could be read as a manifest too", indexWith((index) => (index["layers"] = [])), /layers/],
  ["with an unknown field", indexWith((index) => (index["extra"] = 1)), /extra/],
  ["that holds an index", indexWith((_, entries) => (entries[0]!["mediaType"] = mediaTypes.index)), /no index inside/],
  ["with a foreign url", indexWith((_, entries) => (entries[0]!["urls"] = ["https://elsewhere"])), /urls/],
  ["with embedded data", indexWith((_, entries) => (entries[0]!["data"] = "e30=")), /data/],
  [
    "with an upper-case digest",
    indexWith((_, entries) => (entries[0]!["digest"] = "sha256:" + "A".repeat(64))),
    /digest/,
  ],
  ["with a sha512 digest", indexWith((_, entries) => (entries[0]!["digest"] = "sha512:" + "a".repeat(128))), /digest/],
  ["with a negative size", indexWith((_, entries) => (entries[0]!["size"] = -1)), /size/],
  ["with a manifest of 1 GiB", indexWith((_, entries) => (entries[0]!["size"] = 2 ** 30)), /size/],
  ["without a platform", indexWith((_, entries) => delete entries[0]!["platform"]), /platform/],
  ["with a platform twice", indexWith((_, e) => (e[1]!["platform"] = e[0]!["platform"])), /linux\/amd64 twice/],
  ["with a manifest twice", indexWith((_, e) => (e[1]!["digest"] = e[0]!["digest"])), /twice/],
  ["that mixes Docker's types", indexWith((_, e) => (e[1]!["mediaType"] = mediaTypes.dockerManifest)), /docker/],
  [
    "of 65 platforms",
    indexWith((index, e) => (index["manifests"] = Array.from({ length: 65 }, () => e[0]))),
    /manifests/,
  ],
];
for (const [name, bytes, found] of badIndexes) {
  test(`refuses an index ${name}`, () => {
    const text = refusal(parseIndex(bytes, "r@d"));
    assert.match(text, found);
    assert.match(text, /^INDEX_INVALID /);
  });
}

test("refuses an index with a duplicate key, whichever value comes last", () => {
  const text = new TextDecoder().decode(indexWith()).replace('"manifests"', '"manifests":[],"manifests"');
  assert.match(refusal(parseIndex(new TextEncoder().encode(text), "r@d")), /the key "manifests" appears twice/);
});

test("reports each fault of an index at once", () => {
  const bytes = indexWith((index, entries) => {
    index["schemaVersion"] = 3;
    entries[0]!["size"] = "big";
    entries[1]!["digest"] = "x";
  });
  const result = parseIndex(bytes, "r@d");
  assert.ok(!result.ok);
  assert.deepEqual(
    result.findings.map((finding) => [finding.code, finding.found.split(":")[0]]),
    [
      ["INDEX_INVALID", "schemaVersion"],
      ["INDEX_INVALID", "manifests.0.size"],
      ["INDEX_INVALID", "manifests.1.digest"],
    ],
  );
});

test("reads a platform's manifest", () => {
  const result = parsePlatformManifest(manifestWith(), "r@d");
  assert.ok(result.ok);
  assert.equal(result.proof.layers[0]?.digest, digest("layer"));
  assert.ok(parseImageManifest(manifestWith(), "r@d").ok);
});

const badManifests: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ["with a layer from elsewhere", manifestWith((_, layers) => (layers[0]!["urls"] = ["https://x"])), /urls/],
  [
    "with a layer of unknown type",
    manifestWith((_, layers) => (layers[0]!["mediaType"] = "text/plain")),
    /text\/plain/,
  ],
  ["with an artifact's config", manifestWith((m) => ((m["config"] as Json)["mediaType"] = mediaTypes.empty)), /empty/],
  ["that could be read as an index too", manifestWith((m) => (m["manifests"] = [])), /manifests/],
  ["that refers to another image", manifestWith((m) => (m["subject"] = m["config"])), /subject/],
  ["without layers", manifestWith((m) => (m["layers"] = [])), /layers/],
];
for (const [name, bytes, found] of badManifests) {
  test(`refuses a platform's manifest ${name}`, () => {
    const text = refusal(parsePlatformManifest(bytes, "r@d"));
    assert.match(text, found);
    assert.match(text, /^PLATFORM_MANIFEST_INVALID /);
  });
}

test("reads a referrer: its subject, and the one layer", () => {
  const result = parseReferrerManifest(referrerWith(), "r@d");
  assert.ok(result.ok);
  assert.equal(result.proof.subject.digest, digest("index"));
  assert.equal(result.proof.layers[0]?.digest, digest("bundle"));
  const either = parseImageManifest(referrerWith(), "r@d");
  assert.ok(either.ok && either.proof.subject?.digest === digest("index"));
});

for (const [name, change] of [
  ["no subject", (m: Json) => delete m["subject"]],
  ["two layers", (m: Json) => (m["layers"] as unknown[]).push((m["layers"] as unknown[])[0])],
  ["no layer", (m: Json) => (m["layers"] = [])],
  ["other embedded data than the empty object's", (m: Json) => ((m["config"] as Json)["data"] = "W10=")],
] as const) {
  test(`refuses a referrer with ${name}`, () => {
    assert.match(refusal(parseReferrerManifest(referrerWith(change), "r@d")), /^BUNDLE_INVALID/);
    assert.equal(parseImageManifest(referrerWith(change), "r@d").ok, false);
  });
}

test("a referrer is no platform's image, and the other way round", () => {
  assert.equal(parsePlatformManifest(referrerWith(), "r@d").ok, false);
  assert.equal(parseReferrerManifest(manifestWith(), "r@d").ok, false);
});

test("arbitrary JSON is refused with a finding, never an exception", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const parse of [parseIndex, parsePlatformManifest, parseReferrerManifest, parseImageManifest]) {
        assert.equal(parse(encode(value), "r@d").ok, false);
      }
    }),
  );
});
