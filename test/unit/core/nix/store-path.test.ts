import assert from "node:assert/strict";
import { test } from "node:test";
import { narHash } from "../../../../src/core/nix/nar.ts";
import {
  flatFixedOutputStorePath,
  isStorePathName,
  parseStorePath,
  sourceStorePath,
  textStorePath,
} from "../../../../src/core/nix/store-path.ts";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { file } from "../../../support/trees.ts";

const refused = { name: "Failure", code: "STORE_PATH_INVALID" };

test("names a source tree as nix store add-path does", () => {
  // neko at baf21c1d97e1ab1cd001abfc7f9b519126dc8ab8, added with Nix 2.8 and 2.26.
  const narHashOfNeko = "sha256-yjQm7w+LsbhSJo8Lc7BsNbL6DC/8a5wgsymPYSFNlB8=";
  assert.deepEqual(sourceStorePath({ name: "source", narHash: narHashOfNeko }), {
    path: "/nix/store/j9acprcnc96flwi8av4bny70x92jfl30-source",
    hash: "j9acprcnc96flwi8av4bny70x92jfl30",
    name: "source",
  });
  const small = narHash(file("hi\n"));
  assert.equal(
    sourceStorePath({ name: "X", narHash: small.narHash }).path,
    "/nix/store/vdxfvfl473vjl9n30fyzcxxh1k5s1d8p-X",
  );
});

test("names texts and flat files as Nix does", () => {
  // builtins.toFile "t.txt" "hello", and nix-store --add-fixed sha256 of "hello\n", both with Nix 2.8.
  assert.equal(
    textStorePath({ name: "t.txt", contents: "hello" }).path,
    "/nix/store/9p0nl625gm5mli8h2xfsgma0zz31g9yc-t.txt",
  );
  assert.equal(
    flatFixedOutputStorePath({ name: "f", sha256: sha256Hex("hello\n") }).path,
    "/nix/store/1p9q0bz6f22dyxh4lw8xs08p4201vyq4-f",
  );
});

test("references change a path, their order and repetition do not", () => {
  const narHashOfSmall = narHash(file("hi\n")).narHash;
  const a = sourceStorePath({ name: "a", narHash: narHashOfSmall }).path;
  const b = sourceStorePath({ name: "b", narHash: narHashOfSmall }).path;
  const path = (references: string[]): string =>
    sourceStorePath({ name: "X", narHash: narHashOfSmall, references }).path;
  assert.notEqual(path([a]), path([]));
  assert.equal(path([b, a]), path([a, b, a]));
});

test("takes a store path apart", () => {
  const path = "/nix/store/j9acprcnc96flwi8av4bny70x92jfl30-neko-3.1.5.tar.gz";
  assert.deepEqual(parseStorePath(path), { path, hash: "j9acprcnc96flwi8av4bny70x92jfl30", name: "neko-3.1.5.tar.gz" });
});

for (const path of [
  "",
  "/nix/store",
  "/nix/store/j9acprcnc96flwi8av4bny70x92jfl30",
  "/nix/store/j9acprcnc96flwi8av4bny70x92jfl30-",
  "/nix/store/j9acprcnc96flwi8av4bny70x92jfl30-a/bin",
  "/nix/store/j9acprcnc96flwi8av4bny70x92jfl3e-a",
  "/nix/store/j9acprcnc96flwi8av4bny70x92jfl3-aa",
  "/nix/store/../store/j9acprcnc96flwi8av4bny70x92jfl30-a",
  "/gnu/store/j9acprcnc96flwi8av4bny70x92jfl30-a",
  "/nix/store/j9acprcnc96flwi8av4bny70x92jfl30-a\n",
  "/nix/store/j9acprcnc96flwi8av4bny70x92jfl30-a b",
  `/nix/store/j9acprcnc96flwi8av4bny70x92jfl30-${"a".repeat(212)}`,
]) {
  test(`refuses ${JSON.stringify(path.slice(0, 70))} as a store path`, () => {
    assert.throws(() => parseStorePath(path), refused);
  });
}

test("knows which names a store object can have", () => {
  for (const name of ["a", "a+b-c._?=9", ".gitignore", "..a", "a".repeat(211)]) assert.ok(isStorePathName(name), name);
  for (const name of ["", ".", "..", ".-a", "..-a", "a/b", "ä", "a".repeat(212)])
    assert.ok(!isStorePathName(name), name);
  assert.throws(() => textStorePath({ name: "..", contents: "" }), refused);
});
