import assert from "node:assert/strict";
import { test } from "node:test";
import { statementTypes } from "../../../../src/core/intoto/statement.ts";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import type { ReleaseManifest } from "../../../../src/core/release/manifest.ts";
import { checkManifest, parseManifest } from "../../../../src/core/verify/check-manifest.ts";
import type { TrustedStatement } from "../../../../src/core/verify/required-statements.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import type { StatementChange } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
/** What needs a valid manifest: both platforms' provenance and SBOM, and freshness. */
const dependent = ["SKIPPED", "SKIPPED", "SKIPPED"];
const otherDigest = `sha256:${"0".repeat(64)}`;

async function codesWith(change: StatementChange): Promise<readonly string[]> {
  return codesOf(lab.verify({ evidence: await lab.replacing("manifest", change) }));
}

for (const [what, predicate] of [
  ["another schema version", { schema: 2 }],
  ["its schema version as text", { schema: "1" }],
  ["no schema version", { schema: undefined }],
] as const) {
  test(`refuses a manifest with ${what}`, async () => {
    assert.deepEqual(await codesWith({ predicate }), ["MANIFEST_SCHEMA_VERSION", ...dependent]);
  });
}

for (const predicate of [null, [], "manifest", 1, true, {}]) {
  test(`refuses ${JSON.stringify(predicate)} in the place of a manifest`, async () => {
    assert.deepEqual(await codesWith({ statement: { predicate } }), ["MANIFEST_SCHEMA_VERSION", ...dependent]);
  });
}

for (const [what, predicate] of [
  ["an unknown key", { mode: "warn" }],
  ["an unknown key of a platform", { "platforms.0.trusted": true }],
  ["no platform", { platforms: [] }],
  ["platforms in another order", { platforms: lab.release.manifest.platforms.toReversed() }],
  ["a platform twice", { platforms: [lab.release.manifest.platforms[0], lab.release.manifest.platforms[0]] }],
  ["a version with v", { version: "v1.2.3" }],
  ["a version with leading zeros", { version: "01.2.3" }],
  ["a version whose pre-release has leading zeros", { version: "1.2.3-01" }],
  ["a version whose pre-release has an empty part", { version: "1.2.3-a..b" }],
  ["a version beyond all numbers", { version: `${"9".repeat(30)}.0.0` }],
  ["a source with credentials", { "source.repository": "https://user:pass@github.com/m1k1o/neko" }],
  ["a short commit", { "flake.commit": "5f1d0f3" }],
  ["a NAR hash in base 16", { "platforms.0.narHash": `sha256:${"0".repeat(64)}` }],
  ["a store path that climbs out", { "platforms.0.storePath": "/nix/store/../../etc/passwd" }],
  ["a negative size", { "platforms.0.narSize": -1 }],
] as const) {
  test(`refuses a manifest with ${what}`, async () => {
    assert.deepEqual(await codesWith({ predicate }), ["MANIFEST_INVALID", ...dependent]);
  });
}

test("refuses another image's manifest, though it is attached and signed for this one", async () => {
  assert.deepEqual(await codesWith({ predicate: { digest: otherDigest } }), ["MANIFEST_OTHER_IMAGE", ...dependent]);
});

test("refuses a manifest whose platforms are not the index's", async () => {
  assert.deepEqual(await codesWith({ predicate: { "platforms.0.digest": otherDigest } }), [
    "MANIFEST_PLATFORM_MISMATCH",
    ...dependent,
  ]);
  const [amd64, arm64] = lab.release.manifest.platforms;
  assert.deepEqual(await codesWith({ predicate: { platforms: [amd64] } }), [
    "MANIFEST_PLATFORM_MISMATCH",
    ...dependent,
  ]);
  const swapped = { "platforms.0.digest": arm64?.digest, "platforms.1.digest": amd64?.digest };
  assert.deepEqual(await codesWith({ predicate: swapped }), ["MANIFEST_PLATFORM_MISMATCH", ...dependent]);
});

test("refuses a manifest of another version than the tags of its release's runs name", async () => {
  // The manifest is one for all: every statement's certificate disagrees with it.
  const codes = await codesWith({ predicate: { version: "1.2.4" } });
  assert.deepEqual(codes, Array(6).fill("MANIFEST_TAG_VERSION_MISMATCH"));
});

for (const tag of ["v1.2.3-rc.1", "v1.2", "version-1.2.3", "vv1.2.3"]) {
  test(`refuses a manifest signed for the tag ${tag} and version 1.2.3`, async () => {
    assert.deepEqual(await codesWith({ run: { ref: `refs/tags/${tag}` } }), ["MANIFEST_TAG_VERSION_MISMATCH"]);
  });
}

test("refuses a manifest whose flake is not the source of the runs that signed the release", async () => {
  for (const predicate of [
    { "flake.commit": "0".repeat(40) },
    { "flake.repository": "https://github.com/evil/neko" },
  ]) {
    assert.deepEqual(await codesWith({ predicate }), Array(6).fill("PROVENANCE_SOURCE_MISMATCH"));
  }
});

test("refuses a manifest signed by a run of another commit", async () => {
  assert.deepEqual(await codesWith({ run: { sha: "0".repeat(40) } }), ["PROVENANCE_SOURCE_MISMATCH"]);
});

for (const kind of ["signature", "sbom", "provenance"] as const) {
  test(`refuses a ${kind} signed by a trusted run of another commit or tag than the manifest's`, async () => {
    const commit = await lab.replacing(kind, { run: { sha: "0".repeat(40) } });
    assert.ok(codesOf(lab.verify({ evidence: commit })).every((code) => code.startsWith("PROVENANCE_")));
    assert.ok(codesOf(lab.verify({ evidence: commit })).includes("PROVENANCE_SOURCE_MISMATCH"));
    const tag = await lab.replacing(kind, { run: { ref: "refs/tags/v1.2.2" } });
    assert.ok(codesOf(lab.verify({ evidence: tag })).includes("MANIFEST_TAG_VERSION_MISMATCH"));
  });
}

test("refuses a manifest of another product than the policy's image is", async () => {
  assert.deepEqual(await codesWith({ predicate: { name: "other" } }), ["MANIFEST_OTHER_IMAGE", ...dependent]);
});

test("the source may be another repository than the flake: the signed manifest says which", async () => {
  const source = { "source.repository": "https://github.com/upstream/neko", "source.commit": "a".repeat(40) };
  assert.deepEqual(await codesWith({ predicate: source }), []);
});

test("refuses two different manifests by trusted signers: one of them is false", async () => {
  const evidence = await lab.adding("manifest", { predicate: { sourceDateEpoch: 1 } });
  assert.deepEqual(codesOf(lab.verify({ evidence })), ["MANIFEST_EQUIVOCATION", ...dependent]);
});

test("refuses a good manifest beside a bad one by a trusted signer", async () => {
  const bad = await lab.adding("manifest", { predicate: { mode: "warn" } });
  assert.deepEqual(codesOf(lab.verify({ evidence: bad })), ["MANIFEST_INVALID", ...dependent]);
  const other = await lab.adding("manifest", { predicate: { schema: 2 } });
  assert.deepEqual(codesOf(lab.verify({ evidence: other })), ["MANIFEST_SCHEMA_VERSION", ...dependent]);
});

test("takes one manifest signed twice", async () => {
  const evidence = await lab.adding("manifest", {});
  const checked = lab.verify({ evidence });
  assert.deepEqual(codesOf(checked), []);
  assert.equal(checked.ok && checked.proof.data.statements.filter(({ kind }) => kind === "manifest").length, 2);
});

test("refuses a policy that names no signer of manifests: platforms could not be verified", () => {
  const policy = lab.policyWith({ "require.manifest": [] });
  assert.deepEqual(codesOf(lab.verify({ policy })), ["STATEMENT_MISSING", ...dependent]);
});

test("closure and derivation may be left out in environment local alone", () => {
  const { manifest } = lab.release;
  assert.deepEqual(codesOf(checkAlone(manifest, "local")), []);
  // The sample has closures, and no derivations: it was not built by Nix.
  assert.deepEqual(codesOf(checkAlone(manifest, "staging")), ["MANIFEST_INCOMPLETE", "MANIFEST_INCOMPLETE"]);
});

/** A manifest by itself, of the sample's image with other platforms or layers where they are given. */
function checkAlone(manifest: ReleaseManifest, environment: "local" | "staging", layers?: readonly Digest[]) {
  const platforms = new Map(manifest.platforms.map(({ platform, digest }) => [platform, digest]));
  const statement = {
    kind: "manifest" as const,
    signer: lab.policy.signers[0]!,
    subject: manifest.digest,
    referrer: manifest.digest,
    statement: { _type: statementTypes[0], subject: [{ digest: {} }], predicateType: "", predicate: manifest },
    claims: {
      issuer: "",
      subjectAlternativeName: "",
      sourceRepositoryUri: manifest.flake.repository,
      sourceRepositoryDigest: manifest.flake.commit,
    },
    signedAt: lab.now,
    lastStampedAt: lab.now,
    logs: [],
  } satisfies TrustedStatement;
  const image = {
    ...{ name: manifest.name, digest: manifest.digest, platforms },
    layers: new Map(manifest.platforms.map(({ digest }) => [digest, layers ?? []])),
  };
  return checkManifest([statement], image, lab.policyWith({ environment }));
}

test("a signer's disk is the one layer of its one platform, where its release is built again", () => {
  const [platform] = lab.release.manifest.platforms;
  assert.ok(platform !== undefined);
  const derivation = "/nix/store/00000000000000000000000000000000-signer.drv";
  const whole = { ...platform, derivation };
  const disk = { sha256: "d".repeat(64) };
  const measurements = { model: "systemd-stub-vtpm", rtmr1: "1".repeat(96), rtmr2: "0".repeat(96) };
  const manifest = { ...lab.release.manifest, platforms: [whole], disk, measurements };
  const layer: Digest = `sha256:${disk.sha256}`;
  const other: Digest = `sha256:${"e".repeat(64)}`;
  const codes = (changes: Partial<ReleaseManifest>, layers: readonly Digest[], environment?: "local"): unknown =>
    codesOf(checkAlone({ ...manifest, ...changes }, environment ?? "staging", layers));
  assert.deepEqual(codes({}, [layer]), []);
  assert.deepEqual(codes({ disk: undefined, measurements: undefined }, [other]), []);
  for (const layers of [[other], [], [layer, other], [other, layer]]) {
    assert.deepEqual(codes({}, layers), ["MANIFEST_DISK_MISMATCH"], layers.join());
  }
  // Without its disk a machine's measurements would be of anything.
  assert.deepEqual(codes({ disk: undefined }, [layer]), ["MANIFEST_DISK_MISMATCH"]);
  assert.deepEqual(codes({ measurements: undefined }, [layer]), ["MANIFEST_DISK_MISMATCH"]);
  const second = { ...whole, platform: "linux/arm64" };
  assert.deepEqual(codes({ platforms: [whole, second] }, [layer]), ["MANIFEST_DISK_MISMATCH"]);
  // A lab has no disk that a machine boots, and nobody who builds it again.
  assert.deepEqual(codes({}, [other], "local"), []);
});

test("a machine that measured nothing is no signer", () => {
  const measurements = { model: "systemd-stub-vtpm", rtmr1: "0".repeat(96), rtmr2: "0".repeat(96) };
  const manifest = { ...lab.release.manifest, disk: { sha256: "d".repeat(64) }, measurements };
  const parsed = parseManifest(manifest, "manifest");
  assert.deepEqual(codesOf(parsed), ["MANIFEST_INVALID"]);
});
