import assert from "node:assert/strict";
import { test } from "node:test";
import { sriOfSha256 } from "../../../../src/core/nix/hash-formats.ts";
import { closureFromCycloneDx, closureFromSpdx } from "../../../../src/core/nix/sbom-closure.ts";
import { sourceStorePath } from "../../../../src/core/nix/store-path.ts";
import type { ClosureEntry } from "../../../../src/core/nix/closure.ts";

const code = (expected: string) => ({ name: "Failure", code: expected, kind: "refused" });

function object(name: string, byte: number): ClosureEntry {
  const narHash = sriOfSha256(new Uint8Array(32).fill(byte));
  return { storePath: sourceStorePath({ name, narHash }).path, narHash };
}
const a = object("a", 1);
const b = object("b", 2);

const ref = (referenceType: string, referenceLocator: string) => ({
  referenceCategory: "OTHER",
  referenceType,
  referenceLocator,
});
const spdxPackage = (id: string, externalRefs?: ReturnType<typeof ref>[]) => ({
  SPDXID: `SPDXRef-${id}`,
  name: id,
  ...(externalRefs === undefined ? {} : { externalRefs }),
});
const spdxObject = (id: string, { storePath, narHash }: ClosureEntry) =>
  spdxPackage(id, [ref("nix-store-path", storePath), ref("nix-nar-hash", narHash), ref("purl", "pkg:nix/a")]);
const spdx = (...packages: unknown[]) => ({ spdxVersion: "SPDX-2.3", packages });

test("reads the store objects of an SPDX document and passes over other packages", () => {
  assert.deepEqual(closureFromSpdx(spdx(spdxObject("a", a), spdxPackage("go-module"), spdxObject("b", b))), [a, b]);
  assert.deepEqual(closureFromSpdx(spdx()), []);
});

const output = (storePath: string) => ({ name: "nix:output_path", value: storePath });
const nar = ({ storePath, narHash }: ClosureEntry) => ({ name: "nix:nar_hash", value: `${storePath} ${narHash}` });
const cycloneDx = (...components: unknown[]) => ({ bomFormat: "CycloneDX", specVersion: "1.6", components });

test("reads the store objects of a CycloneDX document: several outputs, nested components and the root", () => {
  const document = {
    ...cycloneDx(
      {
        name: "a",
        properties: [output(a.storePath), output(b.storePath), nar(b), nar(a), { name: "nix:drv_path", value: "x" }],
      },
      { name: "outer", components: [{ name: "inner", properties: [output(b.storePath), nar(b)] }] },
    ),
    metadata: { component: { name: "root", properties: [output(a.storePath), nar(a)] } },
  };
  const found = closureFromCycloneDx(document).map(({ storePath }) => storePath);
  assert.deepEqual(found.sort(), [a.storePath, a.storePath, b.storePath, b.storePath].sort());
});

const refusedSpdx: Readonly<Record<string, readonly [string, unknown]>> = {
  "no object": ["CLOSURE_DOCUMENT_INVALID", null],
  "another version": ["CLOSURE_DOCUMENT_INVALID", { ...spdx(), spdxVersion: "SPDX-2.2" }],
  "a CycloneDX document": ["CLOSURE_DOCUMENT_INVALID", cycloneDx()],
  "a path without hash": ["CLOSURE_ENTRY_INCOMPLETE", spdx(spdxPackage("a", [ref("nix-store-path", a.storePath)]))],
  "a hash without path": ["CLOSURE_ENTRY_INCOMPLETE", spdx(spdxPackage("a", [ref("nix-nar-hash", a.narHash)]))],
  "two hashes": [
    "CLOSURE_ENTRY_INCOMPLETE",
    spdx(
      spdxPackage("a", [
        ref("nix-store-path", a.storePath),
        ref("nix-nar-hash", a.narHash),
        ref("nix-nar-hash", b.narHash),
      ]),
    ),
  ],
  "a path that is none": ["STORE_PATH_INVALID", spdx(spdxObject("a", { ...a, storePath: "/usr/bin" }))],
  "a hash that is none": ["NIX_HASH_INVALID", spdx(spdxObject("a", { ...a, narHash: "sha256-x" }))],
};

for (const [what, [expected, document]] of Object.entries(refusedSpdx)) {
  test(`refuses an SPDX document with ${what}`, () => {
    assert.throws(() => closureFromSpdx(document), code(expected));
  });
}

const refusedCycloneDx: Readonly<Record<string, readonly [string, unknown]>> = {
  "another format": ["CLOSURE_DOCUMENT_INVALID", spdx()],
  "an output without hash": ["CLOSURE_ENTRY_INCOMPLETE", cycloneDx({ name: "a", properties: [output(a.storePath)] })],
  "a hash of no output": ["CLOSURE_ENTRY_INCOMPLETE", cycloneDx({ name: "a", properties: [nar(a)] })],
  "the hash of another output": [
    "CLOSURE_ENTRY_INCOMPLETE",
    cycloneDx({ name: "a", properties: [output(a.storePath), nar(b)] }),
  ],
  "two hashes of one output": [
    "CLOSURE_ENTRY_INCOMPLETE",
    cycloneDx({ name: "a", properties: [output(a.storePath), nar(a), nar({ ...a, narHash: b.narHash })] }),
  ],
  "a third word": [
    "CLOSURE_ENTRY_INCOMPLETE",
    cycloneDx({ name: "a", properties: [output(a.storePath), { name: "nix:nar_hash", value: `${nar(a).value} x` }] }),
  ],
  "a property without value": ["STORE_PATH_INVALID", cycloneDx({ name: "a", properties: [{ name: "nix:nar_hash" }] })],
  "a hash hidden in a nested component": [
    "CLOSURE_ENTRY_INCOMPLETE",
    cycloneDx({ name: "a", components: [{ name: "b", properties: [nar(a)] }] }),
  ],
};

for (const [what, [expected, document]] of Object.entries(refusedCycloneDx)) {
  test(`refuses a CycloneDX document with ${what}`, () => {
    assert.throws(() => closureFromCycloneDx(document), code(expected));
  });
}

test("refuses a document that is nested without end before the stack ends", () => {
  let component: object = { name: "leaf" };
  for (let level = 0; level < 50_000; level++) component = { name: "c", components: [component] };
  assert.throws(() => closureFromCycloneDx(cycloneDx(component)), code("CLOSURE_DOCUMENT_INVALID"));
});
