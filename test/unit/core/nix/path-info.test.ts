import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../../src/core/failure.ts";
import { sriOfNixBase32 } from "../../../../src/core/nix/hash-formats.ts";
import { isSignedBy, publicCacheKey } from "../../../../src/core/nix/nar-signature.ts";
import { parsePathInfo } from "../../../../src/core/nix/path-info.ts";
import { codeThrown } from "../../../support/failures.ts";
import { jsonBytes, rubyEntry, rubyPath, rubyShapes } from "../../../support/path-infos.ts";

const shapes = Object.entries(rubyShapes());
const codeOf = (value: unknown): string => codeThrown(() => parsePathInfo(jsonBytes(value)), "read");

const narHash = sriOfNixBase32(rubyEntry.narHash.slice("sha256:".length));
const ruby = {
  path: rubyPath,
  narHash,
  narSize: 18735072,
  references: rubyEntry.references,
  deriver: rubyEntry.deriver,
  signatures: [
    { keyName: "cache.nixos.org-1", signature: rubyEntry.signatures[0]?.slice("cache.nixos.org-1:".length) },
  ],
  ultimate: false,
  contentAddressed: false,
};

for (const [version, shape] of shapes) {
  test(`reads what Nix ${version} prints`, () => {
    assert.deepEqual(parsePathInfo(jsonBytes(shape)), [ruby]);
  });
}

test("reads a hash as SRI, as base 32 and as hex", () => {
  const hex = `sha256:${Buffer.from(narHash.slice(7), "base64").toString("hex")}`;
  for (const hash of [narHash, rubyEntry.narHash, hex]) {
    assert.equal(parsePathInfo(jsonBytes([{ ...rubyEntry, narHash: hash }]))[0]?.narHash, narHash);
  }
});

test("reads an object that was built here, one without a deriver, and one that its contents address", () => {
  const { deriver, signatures, ...bare } = rubyEntry;
  assert.ok(deriver !== "" && signatures.length > 0);
  const [built] = parsePathInfo(jsonBytes([{ ...bare, ultimate: true, ca: "fixed:r:sha256:0000" }]));
  assert.deepEqual(built, {
    path: rubyPath,
    narHash,
    narSize: 18735072,
    references: rubyEntry.references,
    signatures: [],
    ultimate: true,
    contentAddressed: true,
  });
  for (const none of [null, "unknown-deriver"]) {
    assert.equal("deriver" in (parsePathInfo(jsonBytes([{ ...bare, deriver: none }]))[0] ?? {}), false);
  }
});

test("reads version 1 with its version and folder beside the paths", () => {
  const { path, ...entry } = rubyEntry;
  assert.equal(codeOf({ version: 1, storeDir: "/nix/store", [path]: entry }), "read");
  assert.equal(codeOf({ version: 1, storeDir: "/gnu/store", [path]: entry }), "PATH_INFO_OTHER_STORE");
});

const { path: _path, ...withoutPath } = rubyEntry;
for (const [what, value, code] of [
  ["a text", "x", "PATH_INFO_INVALID"],
  ["null", null, "PATH_INFO_INVALID"],
  ["an empty list", [], "PATH_INFO_EMPTY"],
  ["an empty object", {}, "PATH_INFO_EMPTY"],
  ["no paths in the newer shape", { version: 2, storeDir: "/nix/store", info: {} }, "PATH_INFO_EMPTY"],
  ["a version of the future", { version: 4, storeDir: "/nix/store", info: {} }, "PATH_INFO_INVALID"],
  ["a version as text", { version: "2", storeDir: "/nix/store", info: {} }, "PATH_INFO_INVALID"],
  ["the newer shape without a version", { storeDir: "/nix/store", info: {} }, "PATH_INFO_INVALID"],
  ["the newer shape without a folder", { version: 2, info: {} }, "PATH_INFO_INVALID"],
  ["paths and a version of another shape", { version: 3, [rubyPath]: withoutPath }, "PATH_INFO_INVALID"],
  ["another store", { version: 2, storeDir: "/home/x/store", info: {} }, "PATH_INFO_OTHER_STORE"],
  ["another store of one object", [{ ...rubyEntry, storeDir: "/home/x/store" }], "PATH_INFO_OTHER_STORE"],
  ["one path twice", [rubyEntry, rubyEntry], "PATH_INFO_TWICE"],
  ["a path that the store lacks, 2.8", [{ path: rubyPath, valid: false }], "PATH_INFO_NOT_VALID"],
  ["a path that the store lacks, 2.19", { [rubyPath]: null }, "PATH_INFO_NOT_VALID"],
  [
    "a path that the store lacks, 2.33",
    { version: 2, storeDir: "/nix/store", info: { [rubyPath.slice(11)]: null } },
    "PATH_INFO_NOT_VALID",
  ],
  ["an entry without a path", [withoutPath], "STORE_PATH_INVALID"],
  ["an entry that is a number", [7], "STORE_PATH_INVALID"],
  ["a path that is none", [{ ...rubyEntry, path: "/etc/passwd" }], "STORE_PATH_INVALID"],
  ["a path that climbs", [{ ...rubyEntry, path: `${rubyPath}/../../etc` }], "STORE_PATH_INVALID"],
  ["a reference that is none", [{ ...rubyEntry, references: ["../x"] }], "STORE_PATH_INVALID"],
  ["a deriver that is none", [{ ...rubyEntry, deriver: "/tmp/x.drv" }], "STORE_PATH_INVALID"],
  [
    "an entry under another's path",
    { [rubyPath]: { ...rubyEntry, path: rubyEntry.references[0] } },
    "PATH_INFO_INVALID",
  ],
  ["no hash", [{ ...rubyEntry, narHash: undefined }], "PATH_INFO_INVALID"],
  ["another algorithm", [{ ...rubyEntry, narHash: `sha512-${"A".repeat(86)}==` }], "NIX_HASH_INVALID"],
  ["a short hash", [{ ...rubyEntry, narHash: "sha256:abc" }], "NIX_HASH_INVALID"],
  ["a negative size", [{ ...rubyEntry, narSize: -1 }], "PATH_INFO_INVALID"],
  ["a size as text", [{ ...rubyEntry, narSize: "1" }], "PATH_INFO_INVALID"],
  ["no references", [{ ...rubyEntry, references: undefined }], "PATH_INFO_INVALID"],
  ["signatures of another kind", [{ ...rubyEntry, signatures: [1] }], "PATH_INFO_INVALID"],
  ["ultimate as text", [{ ...rubyEntry, ultimate: "true" }], "PATH_INFO_INVALID"],
] as const) {
  test(`refuses ${what}`, () => {
    assert.equal(codeOf(value), code);
  });
}

test("refuses a key twice, what isn't JSON, and nesting without end", () => {
  const codeOfText = (text: string): string => codeThrown(() => parsePathInfo(Buffer.from(text)), "read");
  assert.equal(codeOfText(`{"${rubyPath}":null,"${rubyPath}":null}`), "PATH_INFO_INVALID");
  assert.equal(codeOfText("warning: something\n[]"), "PATH_INFO_INVALID");
  assert.equal(codeOfText("[".repeat(100_000)), "PATH_INFO_INVALID");
  assert.equal(codeOfText('[{"path":{"length":{"toString":null}}}]'), "STORE_PATH_INVALID");
});

test("a document changed anywhere is read as the same kind of thing or refused with a code, never anything else", () => {
  fc.assert(
    fc.property(fc.constantFrom(...shapes), fc.nat(), fc.integer({ min: 0, max: 255 }), ([, shape], at, byte) => {
      const bytes = Buffer.from(jsonBytes(shape));
      bytes[at % bytes.length] = byte;
      try {
        for (const info of parsePathInfo(bytes)) assert.match(info.path, /^\/nix\/store\/[0-9a-z]{32}-/);
      } catch (error) {
        assert.ok(error instanceof Failure && error.kind === "refused", String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test("any JSON at all is read or refused with a code", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.notEqual(codeOf(value), "read");
    }),
  );
});

test("knows an object that nixpkgs' public cache signed, and one that only bears the name of its key", () => {
  for (const [, shape] of shapes) {
    const [info] = parsePathInfo(jsonBytes(shape));
    assert.ok(info !== undefined);
    assert.equal(isSignedBy(info, publicCacheKey), true);
    assert.equal(isSignedBy({ ...info, narSize: info.narSize + 1 }, publicCacheKey), false);
    assert.equal(isSignedBy({ ...info, references: info.references.slice(1) }, publicCacheKey), false);
    assert.equal(isSignedBy({ ...info, path: info.references[0] ?? "" }, publicCacheKey), false);
    assert.equal(isSignedBy({ ...info, signatures: [] }, publicCacheKey), false);
    const forged = [{ keyName: publicCacheKey.name, signature: Buffer.alloc(64, 7).toString("base64") }];
    assert.equal(isSignedBy({ ...info, signatures: forged }, publicCacheKey), false);
    const short = [{ keyName: publicCacheKey.name, signature: "AAAA" }];
    assert.equal(isSignedBy({ ...info, signatures: short }, publicCacheKey), false);
    // One good signature among others is enough.
    assert.equal(isSignedBy({ ...info, signatures: [...forged, ...info.signatures] }, publicCacheKey), true);
  }
});
