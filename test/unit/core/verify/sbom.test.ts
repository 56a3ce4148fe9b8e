import assert from "node:assert/strict";
import { test } from "node:test";
import { predicateTypes } from "../../../../src/core/intoto/statement.ts";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import type { Evidence } from "../../../../src/core/verify/evidence.ts";
import { withReferrers } from "../../../support/evidence-changes.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import type { StatementChange } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const amd64 = lab.subject("sbom");
const entry = lab.release.manifest.platforms[0]!;

/** Another document as the SBOM of amd64, with a manifest that names it. */
async function withDocument(document: unknown, predicateType: string = predicateTypes.spdx23): Promise<Evidence> {
  const sbom = await lab.signed("sbom", { statement: { predicate: document, predicateType } });
  const named = await lab.replacing("manifest", {
    predicate: { "platforms.0.sbom": digestOf(canonicalBytes(document)) },
  });
  const without = withReferrers(named, amd64, (list) => {
    const own = lab.without("sbom").referrers.get(amd64);
    assert.ok(own?.kind === "found");
    return list.filter((one) => own.value.includes(one));
  });
  return withReferrers(without, amd64, (list) => [...list, sbom]);
}

async function codesWith(change: StatementChange): Promise<readonly string[]> {
  return codesOf(lab.verify({ evidence: await lab.replacing("sbom", change) }));
}

async function codesOfDocument(document: unknown, type?: string): Promise<readonly string[]> {
  return codesOf(lab.verify({ evidence: await withDocument(document, type) }));
}

const spdx = (packages: unknown): object => ({ spdxVersion: "SPDX-2.3", packages });
const reference = (referenceType: string, referenceLocator: unknown): object => ({
  referenceCategory: "OTHER",
  referenceType,
  referenceLocator,
});
const storeObject = (storePath: unknown, narHash: unknown): object => ({
  SPDXID: "SPDXRef-a",
  externalRefs: [reference("nix-store-path", storePath), reference("nix-nar-hash", narHash)],
});

test("refuses an SBOM that is not the one that the manifest names, be it a word of it", async () => {
  assert.deepEqual(await codesWith({ predicate: { name: "other" } }), ["SBOM_DIGEST_MISMATCH"]);
});

test("refuses the other platform's SBOM", async () => {
  const predicate = (lab.statement("sbom", "linux/arm64").statement as { predicate: unknown }).predicate;
  assert.deepEqual(await codesWith({ statement: { predicate } }), [
    "SBOM_DIGEST_MISMATCH",
    "SBOM_CLOSURE_MISMATCH",
    "SBOM_CLOSURE_MISMATCH",
  ]);
});

test("refuses an SBOM that lists nothing", async () => {
  assert.deepEqual(await codesOfDocument(spdx([])), ["SBOM_EMPTY"]);
});

test("refuses an SBOM that lists another closure than the manifest's", async () => {
  const { storePath, narHash } = entry;
  const otherHash = `sha256-${"A".repeat(43)}=`;
  for (const [packages, faults] of [
    [[storeObject(storePath, narHash)], 1], // less
    [[storeObject(storePath, otherHash)], 2], // another hash
    [[{ SPDXID: "SPDXRef-a", name: "no store object" }], 1],
    [[storeObject(storePath, narHash), storeObject(storePath, otherHash)], 1], // contradiction
  ] as const) {
    assert.deepEqual(await codesOfDocument(spdx(packages)), Array(faults).fill("SBOM_CLOSURE_MISMATCH"));
  }
});

for (const [what, document] of [
  ["null", null],
  ["a text", "SPDX-2.3"],
  ["a list", []],
  ["an empty object", {}],
  ["another version", { spdxVersion: "SPDX-2.2", packages: [{}] }],
  ["no list of packages", spdx({ length: 1 })],
  ["packages that are none", spdx([null, 1, "a", []])],
] as const) {
  test(`refuses ${what} in the place of an SBOM`, async () => {
    assert.deepEqual(await codesOfDocument(document), ["SBOM_INVALID"]);
  });
}

for (const [what, document] of [
  ["packages without an id", spdx([{}])],
  ["references that are none", spdx([{ SPDXID: "a", externalRefs: [null] }])],
  ["a store path that is a number", spdx([storeObject(1, 2)])],
  ["a store path that climbs out", spdx([storeObject("/nix/store/../etc", entry.narHash)])],
  ["a hash that is none", spdx([storeObject(entry.storePath, "sha256-")])],
  ["half a pair", spdx([{ SPDXID: "a", externalRefs: [reference("nix-store-path", entry.storePath)] }])],
  ["keys of every object", spdx([{ SPDXID: "constructor", toString: 1, hasOwnProperty: [], valueOf: null }])],
] as const) {
  test(`refuses an SBOM with ${what}`, async () => {
    assert.deepEqual(await codesOfDocument(document), ["SBOM_CLOSURE_MISMATCH"]);
  });
}

test("refuses a format that the policy does not allow", async () => {
  const document = { bomFormat: "CycloneDX", components: [{ name: "a" }] };
  assert.deepEqual(await codesOfDocument(document, predicateTypes.cyclonedx), [
    "SBOM_FORMAT_NOT_ALLOWED",
    "SBOM_CLOSURE_MISMATCH",
  ]);
  const policy = lab.policyWith({ "sbom.formats": ["cyclonedx"] });
  assert.deepEqual(codesOf(lab.verify({ policy })), ["SBOM_FORMAT_NOT_ALLOWED", "SBOM_FORMAT_NOT_ALLOWED"]);
});

test("refuses an SPDX document under CycloneDX's type, and the other way round", async () => {
  const policy = lab.policyWith({ "sbom.formats": ["spdx-2.3", "cyclonedx"] });
  const under = async (document: unknown, type: string): Promise<readonly string[]> =>
    codesOf(lab.verify({ policy, evidence: await withDocument(document, type) }));
  assert.deepEqual(await under(spdx([{ SPDXID: "a" }]), predicateTypes.cyclonedx), ["SBOM_INVALID"]);
  const bom = { bomFormat: "CycloneDX", components: [{ name: "a" }] };
  assert.deepEqual(await under(bom, predicateTypes.spdx23), ["SBOM_INVALID"]);
  assert.deepEqual(await under(bom, predicateTypes.spdx), ["SBOM_INVALID"]);
});

test("refuses a CycloneDX document that is nested without end, and takes one with the right closure", async () => {
  const policy = lab.policyWith({ "sbom.formats": ["spdx-2.3", "cyclonedx"] });
  const under = async (document: unknown): Promise<readonly string[]> =>
    codesOf(lab.verify({ policy, evidence: await withDocument(document, predicateTypes.cyclonedx) }));
  let nested: object = { name: "core" };
  for (let depth = 0; depth < 28; depth += 1) nested = { name: "a", components: [nested] };
  assert.deepEqual(await under({ bomFormat: "CycloneDX", components: [nested] }), ["SBOM_CLOSURE_MISMATCH"]);
  const objects = [lab.release.platforms[0]!.output, ...lab.release.platforms[0]!.contents];
  const components = objects.map(({ name, storePath, narHash }) => ({
    name,
    properties: [
      { name: "nix:output_path", value: storePath },
      { name: "nix:nar_hash", value: `${storePath} ${narHash}` },
    ],
  }));
  assert.deepEqual(await under({ bomFormat: "CycloneDX", components }), []);
});

test("refuses a bad SBOM beside the good one, by the same signer", async () => {
  const evidence = await lab.adding("sbom", { predicate: { packages: [] } });
  assert.deepEqual(codesOf(lab.verify({ evidence })), ["SBOM_DIGEST_MISMATCH", "SBOM_EMPTY"]);
});

test("checks no SBOM where the policy asks for none", () => {
  const policy = lab.policyWith({ "require.sbom": [] });
  const evidence = lab.without("sbom");
  assert.deepEqual(codesOf(lab.verify({ policy, evidence })), []);
});
