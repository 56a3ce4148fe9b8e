import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import {
  legacySignatureTag,
  parseLegacySignatureManifest,
  simpleSigningMediaType,
} from "../../../../src/core/oci/legacy-signature-manifest.ts";

/** As cosign 2 and 3 (`--new-bundle-format=false`) write it. */
function manifest(changes: object = {}, layer: object = {}): Uint8Array {
  const signature = {
    mediaType: simpleSigningMediaType,
    size: 242,
    digest: digestOf("payload"),
    annotations: { "dev.cosignproject.cosign/signature": "MEUC" },
    ...layer,
  };
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, size: 233, digest: digestOf("config") },
    layers: [signature, { ...signature, annotations: { "dev.cosignproject.cosign/signature": "MEQC" } }],
    ...changes,
  };
  return Buffer.from(JSON.stringify(document));
}

function codes(bytes: Uint8Array): string[] {
  const parsed = parseLegacySignatureManifest(bytes, "tag");
  return parsed.ok ? [] : parsed.findings.map(({ code }) => code);
}

test("the tag is the digest's, with .sig", () => {
  assert.equal(legacySignatureTag(digestOf("x")), `sha256-${digestOf("x").slice(7)}.sig`);
});

test("every signature is listed with its annotations, the same payload twice too", () => {
  const parsed = parseLegacySignatureManifest(manifest(), "tag");
  assert.ok(parsed.ok);
  assert.deepEqual(
    parsed.proof.map(({ digest, size, annotations }) => [digest, size, annotations]),
    ["MEUC", "MEQC"].map((text) => [digestOf("payload"), 242, { "dev.cosignproject.cosign/signature": text }]),
  );
  const bare = parseLegacySignatureManifest(manifest({}, { annotations: undefined }), "tag");
  assert.deepEqual(bare.ok && bare.proof[0]?.annotations, {});
});

test("a manifest without layers holds no signature", () => {
  const parsed = parseLegacySignatureManifest(manifest({ layers: [] }), "tag");
  assert.deepEqual(parsed.ok && parsed.proof, []);
});

for (const [name, bytes] of [
  ["an image", manifest({}, { mediaType: mediaTypes.layerGzip })],
  ["a config of another type", manifest({ config: { mediaType: mediaTypes.empty, size: 2, digest: digestOf("{}") } })],
  ["Docker's manifest type", manifest({ mediaType: mediaTypes.dockerManifest })],
  ["an index", manifest({ mediaType: mediaTypes.index })],
  ["no media type", manifest({ mediaType: undefined })],
  ["a subject", manifest({ subject: { mediaType: mediaTypes.manifest, size: 1, digest: digestOf("x") } })],
  ["an artifact type", manifest({ artifactType: "application/x" })],
  ["bytes from elsewhere", manifest({}, { urls: ["https://elsewhere.example/payload"] })],
  ["a payload inside", manifest({}, { data: "e30=" })],
  ["a short digest", manifest({}, { digest: "sha256:00" })],
  ["a negative size", manifest({}, { size: -1 })],
  ["a number as an annotation", manifest({}, { annotations: { a: 1 } })],
  ["an annotation of 1 MiB", manifest({}, { annotations: { a: "x".repeat(1024 * 1024) } })],
  ["duplicate keys", Buffer.from('{"schemaVersion":2,"layers":[],"layers":[]}')],
  ["deep nesting", Buffer.from("[".repeat(100_000))],
  ["text", Buffer.from("no JSON")],
] as const) {
  test(`a manifest with ${name} is refused`, () => {
    const found = codes(bytes);
    assert.ok(found.length > 0);
    assert.ok(
      found.every((code) => code === "LEGACY_SIGNATURE_INVALID"),
      found.join(),
    );
  });
}

test("whatever stands under the tag is read or refused, and never throws", () => {
  const text = Buffer.from(manifest()).toString();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.equal(parseLegacySignatureManifest(bytes, "tag").ok, false);
    }),
  );
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), (at, put) => {
      const read = parseLegacySignatureManifest(Buffer.from(text.slice(0, at) + put + text.slice(at + 1)), "tag");
      if (!read.ok) return;
      for (const { mediaType, digest, size } of read.proof) {
        assert.equal(mediaType, simpleSigningMediaType);
        assert.match(digest, /^sha256:[0-9a-f]{64}$/);
        assert.ok(Number.isSafeInteger(size) && size >= 0);
      }
    }),
  );
});
