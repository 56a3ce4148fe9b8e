import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { lockHash } from "../../dev/npm-deps-hash.ts";
import type { NpmDepsRecord } from "../../dev/npm-deps-hash.ts";
import { checkout, nekoRevision, nekoTime } from "../support/flake-lab.ts";

/** flake.lock against what is known of the locked revisions, each from more than one place. */
const expected = {
  // Three users of this revision: a fetchTarball, a builtins.fetchTree and a table of pins. NixOS 26.05.20260911.21a67dc.
  nixpkgs: {
    ...{ owner: "NixOS", repo: "nixpkgs", rev: "21a67dc470149f337cecafbe965d8d252a390518" },
    ...{ lastModified: 1789114715, narHash: "sha256-ugpsyk3NM2s87vXfUiIIiibbJ4Pp0JPS5p/3mfs+q+c=" },
  },
  // A flake.lock that embeds it and a fetchFromGitHub of "unstable-2026-04-06".
  nix2container: {
    ...{ owner: "nlewo", repo: "nix2container", rev: "76be9608a7f4d6c985d28b0e7be903ae2547df3e" },
    ...{ lastModified: 1775487831, narHash: "sha256-2lguQpLPQaxpQCJjXhmEEAfabwsAhkP29Z7fgLzHARA=" },
  },
  // Computed from the tree by Nix 2.8 and 2.26 and by this project's own NAR code, every blob hashed to its git id.
  neko: {
    ...{ owner: "m1k1o", repo: "neko", rev: nekoRevision },
    ...{ lastModified: nekoTime, narHash: "sha256-yjQm7w+LsbhSJo8Lc7BsNbL6DC/8a5wgsymPYSFNlB8=" },
  },
} as const;

interface Node {
  readonly flake?: boolean;
  readonly inputs?: Readonly<Record<string, string | readonly string[]>>;
  readonly locked?: Readonly<Record<string, unknown>>;
  readonly original?: Readonly<Record<string, string>>;
}

const read = (path: string): string => readFileSync(join(checkout, path), "utf8");
const lock = JSON.parse(read("flake.lock")) as { nodes: Record<string, Node>; root: string; version: number };

test("flake.lock is complete: every input with revision, time and NAR hash, as known from elsewhere, and no other", () => {
  assert.equal(lock.version, 7);
  const { [lock.root]: root, ...nodes } = lock.nodes;
  assert.deepEqual(Object.keys(nodes).sort(), Object.keys(expected).sort());
  assert.deepEqual(root?.inputs, { neko: "neko", nix2container: "nix2container", nixpkgs: "nixpkgs" });
  for (const [name, facts] of Object.entries(expected)) {
    assert.deepEqual(nodes[name]?.locked, { type: "github", ...facts }, name);
  }
  assert.deepEqual(nodes["nix2container"]?.inputs, { nixpkgs: ["nixpkgs"] });
  assert.equal(nodes["neko"]?.flake, false);
});

test("flake.nix asks for what flake.lock holds, so that Nix need not lock anew", () => {
  const flake = read("flake.nix");
  for (const [name, { original }] of Object.entries(lock.nodes)) {
    if (original === undefined) continue;
    const { owner, repo, ref, rev } = original;
    const url = `github:${[owner, repo, ref ?? rev].filter((part) => part !== undefined).join("/")}`;
    assert.ok(flake.includes(`"${url}"`), `${name}: ${url}`);
  }
});

test("nix/npm/deps.json is of this package-lock.json: else run node dev/npm-deps-hash.ts --write", () => {
  const record = JSON.parse(read("nix/npm/deps.json")) as NpmDepsRecord;
  assert.equal(record.lock, lockHash(read("package-lock.json")), "run: node dev/npm-deps-hash.ts --write");
  assert.match(record.npmDepsHash, /^sha256-[A-Za-z0-9+/]{43}=$/);
});
