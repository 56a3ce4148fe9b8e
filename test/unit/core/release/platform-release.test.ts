import assert from "node:assert/strict";
import { test } from "node:test";
import { closureDigest } from "../../../../src/core/nix/closure.ts";
import { narHash } from "../../../../src/core/nix/nar.ts";
import type { PathInfo } from "../../../../src/core/nix/path-info.ts";
import { sourceStorePath } from "../../../../src/core/nix/store-path.ts";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { assembleRelease } from "../../../../src/core/release/assemble-release.ts";
import { platformRelease } from "../../../../src/core/release/platform-release.ts";
import type { PlatformFacts } from "../../../../src/core/release/platform-release.ts";
import { codeThrown } from "../../../support/failures.ts";
import { cycloneDxOf, spdxOf } from "../../../support/nix-release.ts";
import { sampleDigest } from "../../../support/policies.ts";
import { file } from "../../../support/trees.ts";

function info(name: string, references: readonly string[] = []): PathInfo {
  const nar = narHash(file(name));
  return {
    path: sourceStorePath({ name, narHash: nar.narHash }).path,
    ...nar,
    references,
    signatures: [],
    ultimate: true,
    contentAddressed: false,
  };
}

const dependency = info("dependency");
const derivation = `/nix/store/${"1".repeat(32)}-image.drv`;
const image: PathInfo = { ...info("image", [dependency.path]), deriver: derivation };
const closure = [image, dependency];
const nar = { narHash: image.narHash, narSize: image.narSize };
const good: PlatformFacts = {
  platform: "linux/amd64",
  digest: sampleDigest("a"),
  nar,
  storePath: image.path,
  pathInfo: closure,
  sbom: spdxOf(closure),
};
const production = { name: "neko", environment: "production" } as const;
const local = { name: "neko", environment: "local" } as const;
const codeOf = (changes: Partial<PlatformFacts>, release: typeof production | typeof local = production): string =>
  codeThrown(() => platformRelease({ ...good, ...changes }, release), "made");

test("tells of a platform what its files say", () => {
  assert.deepEqual(platformRelease(good, production), {
    platform: "linux/amd64",
    digest: sampleDigest("a"),
    derivation,
    storePath: image.path,
    ...nar,
    closure: closureDigest(closure.map(({ path, narHash: hash }) => ({ storePath: path, narHash: hash }))),
    sbom: digestOf(canonicalBytes(good.sbom)),
  });
});

test("finds the layout among the entries by its NAR hash when the folder bears no store path", () => {
  assert.equal(platformRelease({ ...good, storePath: undefined }, production).storePath, image.path);
});

test("an SBOM in CycloneDX with the same closure will do", () => {
  assert.equal(codeOf({ sbom: cycloneDxOf(closure) }), "made");
});

test("environment local may leave out derivation and closure; then the store path is what add-path would give", () => {
  const bare = { ...good, storePath: undefined, pathInfo: undefined };
  const made = platformRelease(bare, local);
  assert.equal(made.storePath, sourceStorePath({ name: "neko-linux-amd64", narHash: nar.narHash }).path);
  assert.equal("derivation" in made, false);
  assert.equal("closure" in made, false);
  assert.equal(platformRelease({ ...bare, derivation, storePath: image.path }, local).storePath, image.path);
});

const other = info("other");
const twin = { ...image, path: sourceStorePath({ name: "twin", narHash: image.narHash }).path };
for (const [what, changes, code] of [
  [
    "a layout whose bytes are others than Nix recorded",
    { nar: { ...nar, narHash: other.narHash } },
    "LAYOUT_NAR_MISMATCH",
  ],
  ["a layout of another size", { nar: { ...nar, narSize: nar.narSize + 8 } }, "LAYOUT_NAR_MISMATCH"],
  [
    "a copied layout whose bytes are others than Nix recorded",
    { storePath: undefined, nar: { ...nar, narHash: other.narHash } },
    "LAYOUT_NAR_MISMATCH",
  ],
  [
    "a copied layout that is only something the root needs",
    { storePath: undefined, nar: { narHash: dependency.narHash, narSize: dependency.narSize } },
    "LAYOUT_NAR_MISMATCH",
  ],
  ["a path-info of another build", { storePath: other.path }, "LAYOUT_NOT_IN_PATH_INFO"],
  [
    "a copied layout that two entries could be",
    { storePath: undefined, pathInfo: [...closure, twin] },
    "LAYOUT_NOT_IN_PATH_INFO",
  ],
  ["a path-info that is not recursive", { pathInfo: [image] }, "PATH_INFO_NOT_RECURSIVE"],
  ["a derivation that is not the deriver", { derivation: `/nix/store/${"2".repeat(32)}-x.drv` }, "DERIVATION_MISMATCH"],
  ["no derivation", { pathInfo: [{ ...image, deriver: undefined }, dependency] as PathInfo[] }, "DERIVATION_UNKNOWN"],
  ["no derivation and no path-info", { pathInfo: undefined }, "DERIVATION_UNKNOWN"],
  ["no closure", { pathInfo: undefined, derivation }, "CLOSURE_UNKNOWN"],
  ["an SBOM that is none", { sbom: { packages: [] } }, "SBOM_INVALID"],
  ["an SBOM that is a list", { sbom: [1] }, "SBOM_INVALID"],
  [
    "an SBOM of another version of SPDX",
    { sbom: { ...spdxOf(closure), spdxVersion: "SPDX-3.0" } },
    "CLOSURE_DOCUMENT_INVALID",
  ],
  ["an empty SBOM", { sbom: spdxOf([]) }, "SBOM_EMPTY"],
  [
    "an SBOM that lists nothing of the store",
    { sbom: { spdxVersion: "SPDX-2.3", packages: [{ SPDXID: "x" }] } },
    "SBOM_CLOSURE_MISMATCH",
  ],
  ["an SBOM that lacks something", { sbom: spdxOf([image]) }, "SBOM_CLOSURE_MISMATCH"],
  ["an SBOM that lists more", { sbom: spdxOf([...closure, other]) }, "SBOM_CLOSURE_MISMATCH"],
  [
    "an SBOM with another hash",
    { sbom: spdxOf([image, { ...dependency, narHash: other.narHash }]) },
    "SBOM_CLOSURE_MISMATCH",
  ],
] as const satisfies readonly (readonly [string, Partial<PlatformFacts>, string])[]) {
  test(`refuses ${what}`, () => {
    assert.equal(codeOf(changes), code);
  });
}

test("says which platform, what was expected and what was found, and the first lines that differ", () => {
  assert.throws(() => platformRelease({ ...good, sbom: spdxOf([image, other]) }, production), {
    message: "linux/amd64: expected the 2 store objects of path-info; found 2 (1 lacking, 1 too many).",
    details: [`lacking: ${dependency.path} ${dependency.narHash}`, `too many: ${other.path} ${other.narHash}`],
  });
});

const commit = "c".repeat(40);
const facts = {
  name: "neko",
  version: "1.2.3",
  source: { repository: "https://github.com/m1k1o/neko", commit, narHash: nar.narHash },
  flake: { repository: "https://github.com/m1k1o/neko", commit, lock: sampleDigest("d") },
  sourceDateEpoch: 1_700_000_000,
};

function entry(architecture: string, digit: string) {
  const platform = `linux/${architecture}`;
  const digest = sampleDigest(digit);
  const manifest = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 100 };
  return {
    ...platformRelease({ ...good, platform, digest }, production),
    entry: { manifest, platform: { os: "linux", architecture } },
  };
}

test("a release is the same whatever the order of its platforms", () => {
  const one = assembleRelease(facts, [entry("amd64", "1"), entry("arm64", "2")]);
  const two = assembleRelease(facts, [entry("arm64", "2"), entry("amd64", "1")]);
  assert.deepEqual(one, two);
  assert.deepEqual(
    one.manifest.platforms.map(({ platform }) => platform),
    ["linux/amd64", "linux/arm64"],
  );
  assert.equal(one.manifest.digest, one.index.digest);
});

test("whatever the manifest tells, the index tells: no index can have two manifests", () => {
  const digests = new Set(
    [
      facts,
      { ...facts, source: { ...facts.source, commit: "d".repeat(40) } },
      { ...facts, version: "1.2.4" },
      { ...facts, flake: { ...facts.flake, commit: "e".repeat(40) } },
      { ...facts, sourceDateEpoch: 1 },
    ].map((changed) => assembleRelease(changed, [entry("amd64", "1")]).index.digest),
  );
  const [platform] = [entry("amd64", "1")];
  digests.add(assembleRelease(facts, [{ ...platform, sbom: sampleDigest("e") }]).index.digest);
  digests.add(assembleRelease(facts, [{ ...platform, derivation: `/nix/store/${"3".repeat(32)}-y.drv` }]).index.digest);
  assert.equal(digests.size, 7);
});

test("what was built from a tree with changes is no release, and a version that only sounds like it is one", () => {
  const made = (version: string): string =>
    codeThrown(() => assembleRelease({ ...facts, version }, [entry("amd64", "1")]), "made");
  for (const version of ["3.1.6-dirty", "3.1.6-dev.20261127.dirty", "3.1.6-dirty.1"]) {
    assert.equal(made(version), "RELEASE_DIRTY", version);
  }
  assert.equal(made("3.1.6-dirtywork"), "made");
});

test("lists every fault of what was given", () => {
  const bad = { ...facts, version: "v1", source: { ...facts.source, commit: "abc", repository: "git@github.com:x/y" } };
  assert.throws(
    () => assembleRelease(bad, [entry("amd64", "1")]),
    (error: Error & { details?: string[]; code?: string }) => {
      assert.equal(error.code, "MANIFEST_INVALID");
      assert.deepEqual(
        error.details?.map((line) => line.split(":")[0]),
        ["version", "source.repository", "source.commit"],
      );
      return true;
    },
  );
  assert.equal(
    codeThrown(() => assembleRelease({ ...facts, sourceDateEpoch: 9e12 }, [entry("amd64", "1")]), "made"),
    "MANIFEST_INVALID",
  );
  assert.equal(
    codeThrown(() => assembleRelease(facts, []), "made"),
    "MANIFEST_INVALID",
  );
});
