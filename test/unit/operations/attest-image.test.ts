import assert from "node:assert/strict";
import { failureCodeOf } from "../../support/failures.ts";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import { unwrap } from "../../../src/adapters/registry/unwrap.ts";
import { rebuildPredicate } from "../../../src/core/intoto/rebuild-predicate.ts";
import { digestOf } from "../../../src/core/oci/digest.ts";
import type { Digest } from "../../../src/core/oci/digest.ts";
import { parseReference } from "../../../src/core/release/reference.ts";
import { readAttestDocument } from "../../../src/operations/attest-documents.ts";
import type { DocumentKind } from "../../../src/operations/attest-documents.ts";
import { attestImage } from "../../../src/operations/attest-image.ts";
import type { AttestImageResult } from "../../../src/operations/attest-image.ts";
import { openSigner } from "../../../src/operations/open-signer.ts";
import type { OpenedSigner } from "../../../src/operations/open-signer.ts";
import { signImage } from "../../../src/operations/sign-image.ts";
import { verifyImage } from "../../../src/operations/verify-image.ts";
import { withValues } from "../../support/documents.ts";
import { startReleaseLab } from "../../support/release-lab.ts";
import type { ReleaseRegistry } from "../../support/release-registry.ts";
import { labToken, serveUnsigned, signingConfig } from "../../support/signing.ts";

const lab = await startReleaseLab();
const { manifest, platforms } = lab.release;
const sbomOf = (platform: string): unknown => platforms.find((one) => one.platform === platform)?.sbom;
const client = createRegistryClient();

function signer(token = labToken(lab.sigstore)): Promise<OpenedSigner> {
  const context = { environment: { SIGSTORE_ID_TOKEN: token }, now: () => new Date() };
  return openSigner({ signingConfig: signingConfig(lab.sigstore) }, context);
}

type Given = readonly [kind: DocumentKind, document: unknown, platform?: string];

/** Writes each document to a file and attests all at once. */
async function attest(
  served: ReleaseRegistry,
  given: readonly Given[],
  options: { readonly by?: OpenedSigner; readonly made?: string } = {},
): Promise<AttestImageResult> {
  const documents = given.map(([kind, document, platform], position) => {
    const file = join(served.folder, `${position}.json`);
    writeFileSync(file, JSON.stringify(document));
    const type = kind === "custom" ? "https://example.com/check/v1" : undefined;
    return readAttestDocument(kind, platform === undefined ? file : `${platform}=${file}`, type);
  });
  const lock = { path: "flake.lock", digest: manifest.flake.lock };
  const provenance = options.made === undefined ? {} : { provenance: { attribute: options.made, lock } };
  const reference = parseReference(served.reference);
  return attestImage(client, options.by ?? (await signer()), { reference, documents, ...provenance });
}

async function attachedTo(served: ReleaseRegistry, digest: Digest): Promise<number> {
  return unwrap(await client.referrers(served.repository, digest), "referrers").length;
}

async function attachedAtAll(served: ReleaseRegistry): Promise<number> {
  const subjects = [manifest.digest, ...manifest.platforms.map(({ digest }) => digest)];
  const counts = await Promise.all(subjects.map((subject) => attachedTo(served, subject)));
  return counts.reduce((sum, count) => sum + count, 0);
}

const rebuild = (digest: Digest, platform = "linux/amd64") =>
  rebuildPredicate({
    flake: manifest.flake,
    source: manifest.source,
    attribute: "sample-image",
    platform,
    derivation: "/nix/store/00000000000000000000000000000000-x.drv",
    digest,
    storePath: "/nix/store/00000000000000000000000000000000-x",
    narHash: manifest.source.narHash,
    nix: { version: "2.30.0", system: "x86_64-linux" },
    substituters: [],
    substituted: [],
    builderId: "https://github.com/m1k1o/neko/.github/workflows/nix-build-sign.yml@refs/tags/v1.2.3",
  });

const scan = (sbom: string) => ({
  schema: 1,
  scanner: { name: "vulnix", version: "1" },
  database: { updated: "2026-01-01T00:00:00Z" },
  finished: "2026-01-02T00:00:00Z",
  sbom,
  vulnerabilities: [],
});

const summary = {
  verifier: { id: "https://example.com/verifier" },
  timeVerified: "2026-01-01T00:00:00Z",
  resourceUri: "oci:example",
  policy: { uri: "https://example.com/policy" },
  verificationResult: "PASSED",
  verifiedLevels: ["SLSA_BUILD_LEVEL_2"],
};

test("what sign-image and attest-image publish is what verification demands: the release verifies under its policy", async (t) => {
  const served = await serveUnsigned(t, lab);
  const by = await signer();
  const signed = await signImage(client, by, { reference: parseReference(served.reference), recursive: false });
  assert.equal(signed.resolved, served.reference);
  const sboms = manifest.platforms.map(({ platform }): Given => ["sbom", sbomOf(platform)]);
  const result = await attest(served, [["manifest", manifest], ...sboms], { by, made: "sample-image" });
  assert.deepEqual(
    result.published.map(({ kind, platform, subject }) => [kind, platform, subject]),
    [
      ["manifest", undefined, manifest.digest],
      ...manifest.platforms.map(({ platform, digest }) => ["sbom", platform, digest]),
      ...manifest.platforms.map(({ platform, digest }) => ["provenance", platform, digest]),
    ],
  );
  const policy = lab.policyWith({ "images.0.repository": served.repository });
  const { trustedRoot } = lab.evidence;
  const request = { reference: parseReference(served.reference), policy, trustedRoot, now: new Date(), tee: undefined };
  const { result: verified } = await verifyImage(client, request);
  assert.ok(verified.ok, JSON.stringify(verified));
});

test("each kind is attached to its own subject; a rebuild that got other bytes too, and it says so", async (t) => {
  const served = await serveUnsigned(t, lab);
  const [amd64, arm64] = manifest.platforms;
  assert.ok(amd64 !== undefined && arm64 !== undefined);
  await attest(served, [["manifest", manifest]]);
  const { published } = await attest(served, [
    ["rebuild", rebuild(amd64.digest)],
    ["rebuild", rebuild(amd64.digest, "linux/arm64")],
    ["scan", scan(arm64.sbom)],
    ["scan", scan(amd64.sbom), "linux/amd64"],
    ["vsa", summary],
    ["custom", { any: "thing" }],
    ["custom", { any: "thing" }, "linux/arm64"],
  ]);
  assert.deepEqual(
    published.map(({ subject, notes }) => [subject, notes.length]),
    [
      [amd64.digest, 0],
      [arm64.digest, 1],
      [arm64.digest, 0],
      [amd64.digest, 0],
      [manifest.digest, 0],
      [manifest.digest, 0],
      [arm64.digest, 0],
    ],
  );
  assert.match(published[1]?.notes[0] ?? "", /this statement speaks against the image/);
});

/** Each of them alone is refused by its code; beside a good one, nothing is attached. */
const refusals: readonly (readonly [what: string, code: string, given: Given])[] = [
  [
    "an SBOM without packages",
    "SBOM_EMPTY",
    ["sbom", withValues(sbomOf("linux/amd64"), { packages: [] }), "linux/amd64"],
  ],
  ["an SBOM in SPDX 3", "SBOM_INVALID", ["sbom", { "@context": "https://spdx.org/rdf/3.0.1" }, "linux/amd64"]],
  [
    "an SBOM whose packages are none",
    "SBOM_INVALID",
    ["sbom", { spdxVersion: "SPDX-2.3", packages: 1 }, "linux/amd64"],
  ],
  [
    "a CycloneDX SBOM without components",
    "SBOM_EMPTY",
    ["sbom", { bomFormat: "CycloneDX", components: [] }, "linux/amd64"],
  ],
  [
    "an SBOM that the manifest does not name",
    "SBOM_DIGEST_MISMATCH",
    ["sbom", withValues(sbomOf("linux/amd64"), { name: "x" }), "linux/amd64"],
  ],
  ["another platform's SBOM", "ATTEST_PLATFORM_UNKNOWN", ["sbom", sbomOf("linux/arm64"), "linux/amd64"]],
  [
    "an SBOM of a platform that the image lacks",
    "ATTEST_PLATFORM_UNKNOWN",
    ["sbom", sbomOf("linux/amd64"), "linux/riscv64"],
  ],
  ["a manifest of schema 2", "MANIFEST_SCHEMA_VERSION", ["manifest", withValues(manifest, { schema: 2 })]],
  ["a manifest with an unknown key", "MANIFEST_INVALID", ["manifest", withValues(manifest, { more: 1 })]],
  [
    "a manifest of another image",
    "MANIFEST_OTHER_IMAGE",
    ["manifest", withValues(manifest, { digest: `sha256:${"0".repeat(64)}` })],
  ],
  [
    "a manifest of other platforms",
    "MANIFEST_PLATFORM_MISMATCH",
    ["manifest", withValues(manifest, { "platforms.0.digest": `sha256:${"0".repeat(64)}` })],
  ],
  ["a manifest for a platform", "ATTEST_PLATFORM_UNKNOWN", ["manifest", manifest, "linux/amd64"]],
  [
    "a rebuild of another form",
    "REBUILD_INVALID",
    ["rebuild", withValues(rebuild(manifest.digest), { "runDetails.verdict": true })],
  ],
  [
    "a rebuild by another workflow",
    "REBUILD_BUILDER_MISMATCH",
    ["rebuild", withValues(rebuild(manifest.digest), { "runDetails.builder.id": "https://x.example" })],
  ],
  ["a scan of another form", "SCAN_INVALID", ["scan", { schema: 1 }, "linux/amd64"]],
  ["a scan of another SBOM", "SCAN_OTHER_SBOM", ["scan", scan(digestOf(Buffer.from("x"))), "linux/amd64"]],
  ["a scan of who knows which platform", "ATTEST_PLATFORM_MISSING", ["scan", scan(digestOf(Buffer.from("x")))]],
  ["a summary without a result", "STATEMENT_INVALID", ["vsa", withValues(summary, { verificationResult: undefined })]],
  ["provenance without a builder", "PROVENANCE_INVALID", ["provenance", { buildDefinition: {} }, "linux/amd64"]],
];

test("refused by verification's own codes, and nothing of what was given is attached", async (t) => {
  const served = await serveUnsigned(t, lab);
  await attest(served, [["manifest", manifest]]);
  const by = await signer();
  for (const [what, code, given] of refusals) {
    assert.equal(await failureCodeOf(attest(served, [["custom", {}], given], { by })), code, what);
    assert.equal(await attachedAtAll(served), 1, what);
  }
});

test("provenance from a file must be by the run that signs; else it is refused", async (t) => {
  const served = await serveUnsigned(t, lab);
  const by = await signer();
  const own = lab.statement("provenance").statement as { predicate: unknown };
  const good = withValues(own.predicate, { "runDetails.metadata": undefined });
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
    [
      { "runDetails.builder.id": "https://github.com/m1k1o/neko/.github/workflows/other.yml@refs/tags/v1.2.3" },
      "PROVENANCE_BUILDER_MISMATCH",
    ],
    [{ "buildDefinition.resolvedDependencies.0.digest.gitCommit": "0".repeat(40) }, "PROVENANCE_SOURCE_MISMATCH"],
    [
      { "runDetails.metadata": { invocationId: "https://github.com/m1k1o/neko/actions/runs/2/attempts/1" } },
      "PROVENANCE_SOURCE_MISMATCH",
    ],
    [{}, "accepted"],
  ];
  for (const [changes, code] of cases) {
    assert.equal(await failureCodeOf(attest(served, [["provenance", withValues(good, changes)]], { by })), code);
  }
  assert.equal(await attachedAtAll(served), 1);
});

test("a second, different manifest by the same signer is refused; the same again, or another signer's, is not", async (t) => {
  const served = await serveUnsigned(t, lab);
  await attest(served, [["manifest", manifest]]);
  const other = withValues(manifest, { name: "another" });
  assert.equal(await failureCodeOf(attest(served, [["manifest", other]])), "MANIFEST_EQUIVOCATION");
  assert.equal(await failureCodeOf(attest(served, [["manifest", manifest]])), "accepted");
  const stranger = await signer(labToken(lab.sigstore, { repository: "other/repository" }));
  assert.equal(await failureCodeOf(attest(served, [["manifest", other]], { by: stranger })), "accepted");
});

test("nothing, or the same thing twice, is refused", async (t) => {
  const served = await serveUnsigned(t, lab);
  assert.equal(await failureCodeOf(attest(served, [])), "ATTEST_NOTHING");
  const sbom = sbomOf("linux/amd64");
  const twice: Given[] = [
    ["sbom", sbom, "linux/amd64"],
    ["sbom", sbom, "linux/amd64"],
  ];
  assert.equal(await failureCodeOf(attest(served, twice)), "ATTEST_TWICE");
  assert.equal(await attachedAtAll(served), 0);
});

test("provenance can't be made from a token that is no workflow's", async (t) => {
  const served = await serveUnsigned(t, lab);
  const by = await signer(labToken(lab.sigstore, {}, { run_id: "not a number" }));
  assert.equal(await failureCodeOf(attest(served, [], { by, made: "image" })), "PROVENANCE_NEEDS_WORKFLOW");
});

test("an image that no policy could accept is not signed", async (t) => {
  const served = await serveUnsigned(t, lab);
  const nested = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ mediaType: "application/vnd.oci.image.index.v1+json", digest: manifest.digest, size: 1 }],
    }),
  );
  served.registry.manifests.set("nested", { type: "application/vnd.oci.image.index.v1+json", body: nested });
  const reference = parseReference(`${served.repository}:nested`);
  assert.equal(await failureCodeOf(signImage(client, await signer(), { reference, recursive: true })), "INDEX_INVALID");
});

test("recursive signs the platforms too", async (t) => {
  const served = await serveUnsigned(t, lab);
  const by = await signer();
  const reference = parseReference(served.reference);
  const { published } = await signImage(client, by, { reference, recursive: true });
  const all = [manifest.digest, ...manifest.platforms.map(({ digest }) => digest)];
  assert.deepEqual(published.map(({ subject }) => subject).sort(), all.sort());
});
