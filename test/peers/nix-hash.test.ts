import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { hashPath } from "../../src/adapters/nix/hash-path.ts";
import { narBytes, narHash } from "../../src/core/nix/nar.ts";
import { parseNar } from "../../src/core/nix/nar-parser.ts";
import { hexOfSri, nixBase32OfSri } from "../../src/core/nix/hash-formats.ts";
import { flatFixedOutputStorePath, sourceStorePath, textStorePath } from "../../src/core/nix/store-path.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import { anyTree, directory, file, nested, peculiarTree, writeTree } from "../support/trees.ts";
import type { TestContext } from "node:test";

/** Nix itself as the oracle: hashes, archives and store paths must be equal, not alike. */
const run = promisify(execFile);
let root = "";
let absent: string | undefined;

before(async () => {
  root = mkdtempSync(join(tmpdir(), "neko-trust-peer-nix-"));
  try {
    await nix("hash", "to-base16", "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  } catch (error) {
    absent = `nix is not here or can't convert a hash (${error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)})`;
  }
});
after(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Nothing touches /nix or the user's settings: an own store root, an own home, no configuration files. */
function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    HOME: root,
    NIX_CONF_DIR: root,
    NIX_USER_CONF_FILES: "",
    NIX_STATE_DIR: join(root, "state"),
    NIX_CONFIG: "experimental-features = nix-command",
  };
}

async function nix(...args: string[]): Promise<string> {
  return (await run("nix", args, { env: environment() })).stdout.trim();
}

const store = (): string => join(root, "store");

function skips(t: TestContext): boolean {
  if (absent === undefined) return false;
  t.skip(absent);
  return true;
}

async function agrees(path: string): Promise<string> {
  const { narHash: ours } = await hashPath(path);
  assert.equal(ours, await nix("hash", "path", path));
  return ours;
}

test("hashes a peculiar tree, and each of its parts, as nix hash path does", async (t) => {
  if (skips(t)) return;
  const tree = peculiarTree();
  const path = join(root, "peculiar");
  writeTree(path, tree);
  assert.equal(await agrees(path), narHash(tree).narHash);
  for (const name of tree.entries.keys()) await agrees(join(path, name));
});

test("hashes trees at random as nix hash path does", async (t) => {
  if (skips(t)) return;
  let count = 0;
  await fc.assert(
    fc.asyncProperty(anyTree, async (tree) => {
      const path = join(root, `random-${count++}`);
      writeTree(path, tree);
      assert.equal(await agrees(path), narHash(tree).narHash);
    }),
    { numRuns: 40 },
  );
});

test("hashes a deep tree, a wide one, empty folders and a large file as nix hash path does", async (t) => {
  if (skips(t)) return;
  const wide = Object.fromEntries(
    Array.from({ length: 5000 }, (_, position) => [`file-${position}`, file(`${position}`, position % 7 === 0)]),
  );
  const trees = {
    deep: nested(400),
    wide: directory(wide),
    hollow: directory({ a: directory({ b: directory({}), c: directory({}) }), d: directory({}) }),
    // Beyond the largest piece that is read at once, and not a multiple of it.
    large: file(Buffer.alloc(9 * 1024 * 1024 + 13, "a large file")),
  };
  for (const [name, tree] of Object.entries(trees)) {
    const path = join(root, `shape-${name}`);
    writeTree(path, tree);
    assert.equal(await agrees(path), narHash(tree).narHash);
  }
});

test("hashes names that are not UTF-8 as nix hash path does", async (t) => {
  if (skips(t)) return;
  const path = join(root, "bytes");
  writeTree(path, directory({ ä: file("utf-8"), "～": file("3 bytes") }));
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0x61])]), "one");
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xc3])]), "two");
  await agrees(path);
});

test("writes and reads the archive that nix-store --dump makes", async (t) => {
  if (skips(t)) return;
  const path = join(root, "dumped");
  const tree = directory({
    a: file("x", true),
    b: directory({ c: { kind: "symlink", target: "../a" } }),
    deep: nested(30),
  });
  writeTree(path, tree);
  const { stdout } = await run("nix-store", ["--dump", path], { env: environment(), encoding: "buffer" });
  assert.ok(stdout.equals(narBytes(tree)));
  assert.equal(narHash(parseNar(stdout)).narHash, narHash(tree).narHash);
});

test("names a tree as nix store add-path does", async (t) => {
  if (skips(t)) return;
  const path = join(root, "source");
  writeTree(path, directory({ "flake.nix": file("{ }"), bin: directory({ run: file("#!/bin/sh\n", true) }) }));
  const { narHash: hash } = await hashPath(path);
  for (const name of ["source", "X", "a+b-c._?=9"]) {
    const added = await nix("--store", store(), "store", "add-path", "--name", name, path);
    assert.equal(sourceStorePath({ name, narHash: hash }).path, added);
  }
});

test("names texts and flat files as Nix does", async (t) => {
  if (skips(t)) return;
  const path = join(root, "flat");
  writeFileSync(path, "flat contents\n");
  assert.equal(
    flatFixedOutputStorePath({ name: "flat", sha256: sha256Hex("flat contents\n") }).path,
    await nix("--store", store(), "store", "add-file", path),
  );
  const own = sourceStorePath({ name: "flat", narHash: (await hashPath(path)).narHash }).path;
  assert.equal(own, await nix("--store", store(), "store", "add-path", path));
  const expression = `let a = builtins.toFile "a" "1"; in [ a (builtins.toFile "b" "2 \${a}") ]`;
  const a = textStorePath({ name: "a", contents: "1" }).path;
  const b = textStorePath({ name: "b", contents: `2 ${a}`, references: [a] }).path;
  assert.deepEqual(JSON.parse(await nix("--store", store(), "eval", "--json", "--expr", expression)), [a, b]);
});

test("converts hashes as nix hash does", async (t) => {
  if (skips(t)) return;
  const sri = narHash(file("anything")).narHash;
  assert.equal(nixBase32OfSri(sri), await nix("hash", "to-base32", sri));
  assert.equal(hexOfSri(sri), await nix("hash", "to-base16", sri));
});
