import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { buildSampleRelease } from "../../../../lab/sample-release/build-sample-release.ts";
import { hashPath } from "../../../../src/adapters/nix/hash-path.ts";
import { narFromOciLayout } from "../../../../src/adapters/nix/layout-nar.ts";
import { statementSchema } from "../../../../src/core/intoto/statement.ts";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";
import { closureDigest } from "../../../../src/core/nix/closure.ts";
import { closureFromSpdx } from "../../../../src/core/nix/sbom-closure.ts";
import { digestOf, sha256Hex } from "../../../../src/core/oci/digest.ts";
import { formatPlatform } from "../../../../src/core/oci/formats.ts";
import { parseImageManifest, parseIndex } from "../../../../src/core/oci/parse.ts";
import { releaseManifestSchema } from "../../../../src/core/release/manifest.ts";
import type { SampleReleaseInput } from "../../../../lab/sample-release/sample-input.ts";
import type { SampleRelease } from "../../../../lab/sample-release/build-sample-release.ts";

const text = (contents: string, executable = false) => ({ executable, contents: Buffer.from(contents) });

const input: SampleReleaseInput = {
  name: "sample",
  version: "1.2.3",
  repositoryName: "127.0.0.1:5001/neko/sample",
  source: {
    repository: "https://github.com/m1k1o/neko",
    commit: "a".repeat(40),
    ref: "refs/tags/v1.2.3",
    files: new Map([
      ["bin/run", text("#!/bin/sh\n", true)],
      ["src/core/a.ts", text("export const a = 1;\n")],
      ["src/core/deep/b.ts", text("export const b = 2;\n")],
    ]),
  },
  trees: [
    { name: "sample-core", folder: "src/core" },
    { name: "sample-bin", folder: "bin" },
  ],
  lock: { path: "flake.lock", bytes: Buffer.from("{}") },
  workflow: ".github/workflows/release.yml",
  attribute: "sample-image",
  sourceDateEpoch: 1_789_114_715,
};
const release = buildSampleRelease(input);

/** Everything that leaves this function, as bytes. */
function fingerprint(built: SampleRelease): string {
  const layout = [...built.layout].map(([path, bytes]) => `${path} ${sha256Hex(bytes)}`);
  return [...layout, ...built.statements.map(({ payload }) => sha256Hex(payload))].join("\n");
}

test("gives the same bytes for the same files, in whatever order they are given", () => {
  const files = new Map([...input.source.files].reverse());
  assert.equal(fingerprint(buildSampleRelease(structuredClone(input))), fingerprint(release));
  assert.equal(fingerprint(buildSampleRelease({ ...input, source: { ...input.source, files } })), fingerprint(release));
});

test("passes the strict parsers: an index of exactly two platforms, each with its own digest", () => {
  const index = parseIndex(release.index.index.bytes, release.index.index.digest);
  assert.ok(index.ok, JSON.stringify(index));
  const platforms = index.proof.manifests.map(({ platform }) => formatPlatform(platform));
  assert.deepEqual(platforms, ["linux/amd64", "linux/arm64"]);
  for (const { image } of release.platforms) {
    assert.ok(parseImageManifest(image.manifest.bytes, image.manifest.digest).ok);
  }
  const [amd64, arm64] = release.platforms;
  assert.notEqual(amd64?.image.manifest.digest, arm64?.image.manifest.digest);
  const shared = amd64?.image.layers.filter(({ digest }) =>
    arm64?.image.layers.some((layer) => layer.digest === digest),
  );
  assert.equal(shared?.length, 2, "only the layer that tells the platform differs");
});

test("its layout holds every blob under the digest of its bytes", () => {
  const blobs = [...release.layout].filter(([path]) => path.startsWith("blobs/"));
  assert.ok(blobs.length > 5);
  for (const [path, bytes] of blobs) assert.equal(path, `blobs/sha256/${sha256Hex(bytes)}`);
});

test("its manifest tells what can be computed again from the layout and the SBOM", async () => {
  assert.deepEqual(releaseManifestSchema.parse(release.manifest), release.manifest);
  assert.equal(release.manifest.digest, digestOf(release.index.index.bytes));
  for (const [position, platform] of release.platforms.entries()) {
    const claimed = release.manifest.platforms[position];
    assert.ok(claimed !== undefined);
    const { narHash, narSize, digest, closure, sbom } = claimed;
    assert.equal(digest, digestOf(platform.image.manifest.bytes));
    assert.deepEqual({ narHash, narSize }, await narFromOciLayout(platform.layout));
    assert.equal(sbom, digestOf(canonicalBytes(platform.sbom)));
    const objects = closureFromSpdx(platform.sbom);
    assert.equal(closure, closureDigest(objects));
    assert.deepEqual(
      objects.map(({ storePath }) => storePath),
      [claimed.storePath, ...platform.contents.map(({ storePath }) => storePath)],
    );
  }
});

test("its NAR hash is that of the layout on disk", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "neko-trust-sample-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  for (const { platform, layout, output } of release.platforms) {
    for (const [path, bytes] of layout) {
      const place = join(root, platform, path);
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, bytes);
    }
    assert.equal((await hashPath(join(root, platform))).narHash, output.narHash);
  }
});

test("signs the index for signature and manifest, each platform for provenance and SBOM", () => {
  const [amd64, arm64] = release.platforms.map(({ image }) => image.manifest.digest);
  const { digest } = release.index.index;
  assert.deepEqual(
    release.statements.map(({ kind, subject, predicateType }) => [kind, subject, predicateType]),
    [
      ["signature", digest, "https://sigstore.dev/cosign/sign/v1"],
      ["manifest", digest, "https://github.com/m1k1o/neko/trust/release/v1"],
      ["provenance", amd64, "https://slsa.dev/provenance/v1"],
      ["sbom", amd64, "https://spdx.dev/Document/v2.3"],
      ["provenance", arm64, "https://slsa.dev/provenance/v1"],
      ["sbom", arm64, "https://spdx.dev/Document/v2.3"],
    ],
  );
  for (const { payload, subject, predicateType } of release.statements) {
    const statement = statementSchema.parse(JSON.parse(new TextDecoder().decode(payload)));
    assert.deepEqual(statement.subject, [{ name: input.repositoryName, digest: { sha256: subject.slice(7) } }]);
    assert.equal(statement.predicateType, predicateType);
  }
});

test("its provenance names the workflow, the source and the exact parameters", () => {
  const provenance = release.statements.find(({ kind }) => kind === "provenance");
  assert.deepEqual((provenance?.statement as { predicate?: unknown }).predicate, {
    buildDefinition: {
      buildType: "https://github.com/m1k1o/neko/trust/nix-oci/v1",
      externalParameters: {
        flake: { repository: "https://github.com/m1k1o/neko", commit: "a".repeat(40) },
        attribute: "sample-image",
        platform: "linux/amd64",
      },
      resolvedDependencies: [
        { uri: "git+https://github.com/m1k1o/neko@refs/tags/v1.2.3", digest: { gitCommit: "a".repeat(40) } },
        {
          name: "flake.lock",
          uri: "git+https://github.com/m1k1o/neko@refs/tags/v1.2.3#flake.lock",
          digest: { sha256: sha256Hex("{}") },
        },
      ],
    },
    runDetails: { builder: { id: "https://github.com/m1k1o/neko/.github/workflows/release.yml@refs/tags/v1.2.3" } },
  });
});

test("two inputs with different manifests never share an index", () => {
  const { source } = input;
  const changed: SampleReleaseInput[] = [
    { ...input, name: "other" },
    { ...input, version: "1.2.4" },
    { ...input, sourceDateEpoch: input.sourceDateEpoch + 1 },
    { ...input, lock: { ...input.lock, bytes: Buffer.from("[]") } },
    { ...input, source: { ...source, commit: "b".repeat(40) } },
    { ...input, source: { ...source, repository: "https://github.com/m1k1o/other" } },
    { ...input, source: { ...source, files: new Map([...source.files, ["src/core/a.ts", text("changed")]]) } },
    {
      ...input,
      source: { ...source, files: new Map([...source.files, ["src/core/a.ts", text("export const a = 1;\n", true)]]) },
    },
    { ...input, source: { ...source, files: new Map([...source.files, ["README.md", text("in no tree")]]) } },
    { ...input, trees: input.trees.slice(0, 1) },
  ];
  const digests = [input, ...changed].map((other) => buildSampleRelease(other).manifest.digest);
  assert.equal(new Set(digests).size, digests.length);
});

test("where it is pushed and as whom it is signed changes statements alone", () => {
  const moved = buildSampleRelease({
    ...input,
    repositoryName: "127.0.0.1:9/x",
    workflow: ".github/workflows/other.yml",
  });
  assert.deepEqual(moved.manifest, release.manifest);
  assert.notEqual(fingerprint(moved), fingerprint(release));
});

test("refuses a tree of a folder that the source does not hold", () => {
  assert.throws(() => buildSampleRelease({ ...input, trees: [{ name: "x", folder: "nowhere" }] }), {
    name: "Failure",
    code: "SAMPLE_FILES_MISSING",
  });
});
