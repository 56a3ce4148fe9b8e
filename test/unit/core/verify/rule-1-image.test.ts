import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import type { Evidence } from "../../../../src/core/verify/evidence.ts";
import { flipped, indexOf, withIndex, withIndexBytes, withManifest } from "../../../support/evidence-changes.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const amd64 = lab.subject("provenance", "linux/amd64");

function codes(evidence: Evidence): readonly string[] {
  return codesOf(lab.verify({ evidence }));
}

function found(digest: Digest): Uint8Array {
  const answer = lab.evidence.manifests.get(digest);
  assert.ok(answer?.kind === "found");
  return answer.value;
}

/** Evidence whose amd64 manifest is another document, with an index that refers to it by its own digest. */
function withPlatformDocument(document: Readonly<Record<string, unknown>>, size?: number): Evidence {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = digestOf(bytes);
  const evidence = withIndex(lab.evidence, { "manifests.0.digest": digest, "manifests.0.size": size ?? bytes.length });
  return withManifest(evidence, digest, { kind: "found", value: bytes });
}

function platformDocument(): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(found(amd64)).toString("utf8")) as Readonly<Record<string, unknown>>;
}

test("refuses a repository that the policy names neither as image nor as mirror", () => {
  for (const repository of [
    "127.0.0.1:5001/m1k1o/neko",
    "127.0.0.1:5001/m1k1o/neko/base/evil",
    "127.0.0.1:5001/m1k1o/neko/bas",
    "127.0.0.1:5002/m1k1o/neko/base",
    "registry.neko-lab.test/m1k1o/neko/base",
    "",
  ]) {
    assert.deepEqual(codes({ ...lab.evidence, repository }), ["IMAGE_NOT_IN_POLICY", "SKIPPED"], repository);
  }
});

test("T9: refuses an index whose bytes are not those of the digest", () => {
  const changed = flipped(found(lab.evidence.digest), 20, 0);
  const evidence = withManifest(lab.evidence, lab.evidence.digest, { kind: "found", value: changed });
  assert.deepEqual(codes(evidence), ["DIGEST_MISMATCH", "SKIPPED"]);
  const empty = withManifest(lab.evidence, lab.evidence.digest, { kind: "found", value: new Uint8Array() });
  assert.deepEqual(codes(empty), ["DIGEST_MISMATCH", "SKIPPED"]);
});

test("refuses a platform manifest whose bytes are not those of the digest", () => {
  const evidence = withManifest(lab.evidence, amd64, { kind: "found", value: flipped(found(amd64), 20, 0) });
  assert.deepEqual(codes(evidence), ["DIGEST_MISMATCH", "SKIPPED"]);
});

test("refuses an index that lacks a platform of the policy, or has one more", () => {
  const [first, second] = indexOf(lab.evidence).manifests;
  assert.deepEqual(codes(withIndex(lab.evidence, { manifests: [first] })), ["PLATFORM_SET_MISMATCH", "SKIPPED"]);
  const third = { ...second, digest: `sha256:${"3".repeat(64)}`, platform: { os: "linux", architecture: "riscv64" } };
  const more = withIndex(lab.evidence, { manifests: [first, second, third] });
  assert.deepEqual(codes(more), ["PLATFORM_SET_MISMATCH", "STATEMENT_MISSING", "SKIPPED"]);
  const policy = lab.policyWith({ "images.0.platforms": ["linux/amd64"] });
  assert.deepEqual(codesOf(lab.verify({ policy })), ["PLATFORM_SET_MISMATCH", "SKIPPED"]);
});

test("refuses an index with the right number of platforms, one of them another", () => {
  for (const platform of [
    { os: "linux", architecture: "arm64", variant: "v8" },
    { os: "windows", architecture: "arm64" },
    { os: "unknown", architecture: "unknown" },
    { os: "linux", architecture: "ARM64" },
  ]) {
    const evidence = withIndex(lab.evidence, { "manifests.1.platform": platform });
    assert.deepEqual(codes(evidence), ["PLATFORM_SET_MISMATCH", "SKIPPED"], JSON.stringify(platform));
  }
});

for (const [why, changes] of [
  ["a platform twice", { "manifests.1.platform": { os: "linux", architecture: "amd64" } }],
  ["a digest for two platforms", { "manifests.1.digest": amd64 }],
  ["an index inside it", { "manifests.1.mediaType": mediaTypes.index }],
  ["an entry with urls", { "manifests.1.urls": ["https://evil.example/manifest"] }],
  ["an entry without a platform", { "manifests.1.platform": undefined }],
  ["an embedded manifest", { "manifests.1.data": "e30=" }],
  ["a manifest of another family", { "manifests.1.mediaType": mediaTypes.dockerManifest }],
  ["an unknown media type", { mediaType: "application/vnd.oci.image.index.v2+json" }],
  ["the media type of a manifest", { mediaType: mediaTypes.manifest }],
  ["no media type", { mediaType: undefined }],
  ["an artifact type", { artifactType: "application/vnd.evil" }],
  ["no platform at all", { manifests: [] }],
  ["another schema version", { schemaVersion: 1 }],
  ["a digest of another algorithm", { "manifests.1.digest": `sha512:${"0".repeat(128)}` }],
] as const) {
  test(`refuses an index with ${why}`, () => {
    assert.deepEqual(codes(withIndex(lab.evidence, changes)), ["INDEX_INVALID", "SKIPPED"]);
  });
}

test("refuses what is no JSON, has a key twice, or is a platform's manifest, in the place of the index", () => {
  const index = Buffer.from(found(lab.evidence.digest)).toString("utf8");
  for (const text of ["not JSON", "", "null", "[]", `\uFEFF${index}`, index.replace("{", '{"schemaVersion":2,')]) {
    assert.deepEqual(codes(withIndexBytes(lab.evidence, Buffer.from(text))), ["INDEX_INVALID", "SKIPPED"], text);
  }
  const platform = withIndexBytes(lab.evidence, found(amd64));
  const findings = codes(platform);
  assert.deepEqual(new Set(findings), new Set(["INDEX_INVALID", "SKIPPED"]));
});

for (const [why, change] of [
  [
    "is a referrer",
    { artifactType: mediaTypes.bundle, subject: { mediaType: mediaTypes.manifest, digest: amd64, size: 1 } },
  ],
  ["has another media type than the index says", { mediaType: mediaTypes.dockerManifest }],
  ["has no layers", { layers: [] }],
  ["is of an unknown schema version", { schemaVersion: 3 }],
] as const) {
  test(`refuses a platform manifest that ${why}`, () => {
    const findings = codes(withPlatformDocument({ ...platformDocument(), ...change }));
    assert.deepEqual(new Set(findings), new Set(["PLATFORM_MANIFEST_INVALID", "SKIPPED"]));
  });
}

test("refuses a platform manifest of another size than the index says", () => {
  assert.deepEqual(codes(withPlatformDocument(platformDocument(), 7)), ["PLATFORM_MANIFEST_INVALID", "SKIPPED"]);
});

test("refuses a layer that lies elsewhere than in the registry", () => {
  const document = platformDocument();
  const [layer, ...layers] = document["layers"] as object[];
  const changed = { ...document, layers: [{ ...layer, urls: ["https://evil.example/layer"] }, ...layers] };
  assert.deepEqual(codes(withPlatformDocument(changed)), ["PLATFORM_MANIFEST_INVALID", "SKIPPED"]);
});

test("T11: statements about the index do not vouch for another index of the same platforms", () => {
  const other = withIndex(lab.evidence, { annotations: { "org.opencontainers.image.title": "other" } });
  const referrers = new Map([...other.referrers, [other.digest, { kind: "found" as const, value: [] }] as const]);
  assert.deepEqual(codes({ ...other, referrers }), [
    "STATEMENT_MISSING", // signature
    "STATEMENT_MISSING", // manifest
    "SKIPPED",
    "SKIPPED",
    "SKIPPED",
  ]);
});

test("refuses an index whose referrers nobody asked for, which is not the same as having none", () => {
  const other = withIndex(lab.evidence, { annotations: { "org.opencontainers.image.title": "other" } });
  const reported = codes(other);
  assert.ok(reported.includes("REGISTRY_BROKEN"), reported.join(" "));
  assert.ok(!reported.includes("STATEMENT_MISSING"), reported.join(" "));
});
