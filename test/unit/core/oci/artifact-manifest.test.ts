import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../../src/core/failure.ts";
import { parseArtifactManifest } from "../../../../src/core/oci/artifact-manifest.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { mediaTypes } from "../../../../src/core/oci/formats.ts";
import { codeThrown } from "../../../support/failures.ts";
import { mutateJson, randomFrom } from "../../../support/json-mutations.ts";

const layer = { mediaType: "application/gzip", digest: digestOf("the disk"), size: 8 };
const artifact = {
  schemaVersion: 2,
  mediaType: mediaTypes.manifest,
  artifactType: "application/vnd.neko-trust.signer-disk",
  config: { mediaType: mediaTypes.empty, digest: digestOf("{}"), size: 2, data: "e30=" },
  layers: [{ ...layer, annotations: { "org.opencontainers.image.title": "disk.tar.gz" } }],
};
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

test("gives the one file, of artifacts with and without a type or subject", () => {
  const subject = { mediaType: mediaTypes.index, digest: digestOf("index"), size: 5 };
  for (const one of [artifact, { ...artifact, subject }, { ...artifact, artifactType: undefined }]) {
    assert.deepEqual(parseArtifactManifest(encode(one), "it"), layer);
  }
});

test("names each fault", () => {
  assert.throws(
    () => parseArtifactManifest(encode({ ...artifact, layers: [], more: 1 }), "disk artifact x"),
    (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, "DISK_ARTIFACT_INVALID");
      assert.equal(error.message, "disk artifact x is not an OCI artifact with one file.");
      assert.ok(error.details.some((line) => line.startsWith("layers: must hold exactly one layer")));
      assert.equal(error.details.length, 2);
      return true;
    },
  );
});

test("hostile variants are refused, or give a whole descriptor", () => {
  const random = randomFrom(20_261_127);
  for (let round = 0; round < 1000; round++) {
    const { what, bytes } = mutateJson(artifact, random);
    let found;
    try {
      found = parseArtifactManifest(bytes, "it");
    } catch (error) {
      assert.ok(error instanceof Failure, `${what}: ${String(error)}`);
      continue;
    }
    assert.match(found.digest, /^sha256:[0-9a-f]{64}$/, what);
    assert.ok(Number.isSafeInteger(found.size) && found.size >= 0, what);
  }
});

test("bytes of any kind end in a refusal", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.equal(
        codeThrown(() => parseArtifactManifest(bytes, "it"), "taken"),
        "DISK_ARTIFACT_INVALID",
      );
    }),
  );
});
