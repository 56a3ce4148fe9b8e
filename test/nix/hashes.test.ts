import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { tarballsOf, writeNpmDeps } from "../../dev/npm-deps-hash.ts";
import { hashPath } from "../../src/adapters/nix/hash-path.ts";
import { goEnvironment } from "../../src/adapters/toolchain/go.ts";
import { checkout } from "../support/flake-lab.ts";
import { nixLab, runNix } from "../support/nix-lab.ts";
import type { NixLab } from "../support/nix-lab.ts";

/**
 * How vendorHash and npmDepsHash come about, on small modules of our own: a fixed-output derivation of Nix puts the tree
 * out, and Nix compares its hash with the one that was computed here.
 */

/** A derivation whose output is a copy of `folder`, and must have the hash. */
function fixedOutput(lab: NixLab, name: string, folder: string, hash: string): string {
  return lab.write(
    `${name}.nix`,
    `{ output = derivation {
        name = "${name}"; system = builtins.currentSystem; builder = "/bin/sh"; PATH = "/usr/bin:/bin";
        tree = builtins.path { path = ${folder}; name = "tree"; };
        args = [ "-c" "cp -r $tree $out" ];
        outputHashMode = "recursive"; outputHashAlgo = "sha256"; outputHash = "${hash}";
      }; }`,
  );
}

async function nixAccepts(lab: NixLab, name: string, folder: string): Promise<void> {
  const { narHash } = await hashPath(folder);
  assert.equal(narHash, runNix(lab, "nix", ["hash", "path", folder]));
  await lab.nix.build(lab.attribute(fixedOutput(lab, name, folder, narHash), "output"));
  // A wrong one is refused, with the right one named.
  const wrong = `sha256-${Buffer.alloc(32).toString("base64")}`;
  await assert.rejects(lab.nix.build(lab.attribute(fixedOutput(lab, name, folder, wrong), "output")), (error) => {
    const { details } = error as { details: string[] };
    const text = details.join("\n");
    return text.includes(wrong) && text.includes(narHash);
  });
}

/** Writes files below a folder, by path. */
function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

test("vendorHash is the NAR hash of what go mod vendor writes, the same for every system", async (t) => {
  if (spawnSync("go", ["version"]).error !== undefined) {
    t.skip("go is not on PATH");
    return;
  }
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const greeting = 'package greeting\n\nfunc Text() string { return "hello" }\n';
  const folder = writeFiles(join(lab.folder, "go"), {
    "app/go.mod":
      "module example.org/app\n\ngo 1.25.0\n\nrequire example.org/greeting v1.0.0\n\nreplace example.org/greeting => ../greeting\n",
    "app/main.go": 'package main\n\nimport "example.org/greeting"\n\nfunc main() { println(greeting.Text()) }\n',
    "greeting/go.mod": "module example.org/greeting\n\ngo 1.25.0\n",
    "greeting/greeting.go": greeting,
    "greeting/LICENSE": "none\n",
    "greeting/unused/unused.go": "package unused\n",
  });
  const vendor = async (platform: { GOOS: string; GOARCH: string }, name: string): Promise<string> => {
    const output = join(lab.folder, name);
    execFileSync("go", ["mod", "vendor", "-o", output], {
      cwd: join(folder, "app"),
      // -mod and -trimpath are a build's, and `go mod vendor` refuses the first.
      env: { ...goEnvironment(process.env), GOFLAGS: "", GOPROXY: "off", ...platform },
    });
    return (await hashPath(output)).narHash;
  };
  const [amd64, arm64] = [
    await vendor({ GOOS: "linux", GOARCH: "amd64" }, "amd64"),
    await vendor({ GOOS: "linux", GOARCH: "arm64" }, "arm64"),
  ];
  assert.equal(amd64, arm64);
  assert.deepEqual(readdirSync(join(lab.folder, "amd64/example.org/greeting")).sort(), ["LICENSE", "greeting.go"]);
  await nixAccepts(lab, "go-modules", join(lab.folder, "amd64"));
});

/** A package's tarball, as npm packs it: one file below `package/`. */
function tarball(content: string): Uint8Array {
  const header = Buffer.alloc(512);
  const body = Buffer.from(content);
  header.write("package/index.js");
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0        0", 136);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return gzipSync(Buffer.concat([header, body, Buffer.alloc(512 - (body.length % 512) + 1024)]));
}

const integrityOf = (bytes: Uint8Array): string => `sha512-${createHash("sha512").update(bytes).digest("base64")}`;

test("npmDepsHash is the NAR hash of a cache of npm that npm itself installs from", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const packages = { "left-of": tarball("module.exports = 1;\n"), "@scope/right-of": tarball("module.exports = 2;\n") };
  const entries = Object.entries(packages).map(([name, bytes]) => {
    return [`node_modules/${name}`, { version: "1.0.0", integrity: integrityOf(bytes) }] as const;
  });
  const bare = JSON.stringify({
    name: "small",
    lockfileVersion: 3,
    requires: true,
    packages: {
      "": { name: "small", dependencies: Object.fromEntries(Object.keys(packages).map((name) => [name, "1.0.0"])) },
      ...Object.fromEntries(entries),
    },
  });
  const { resolveLock } = (await import(join(checkout, "nix/npm/resolve-lock.mjs"))) as {
    resolveLock: (text: string) => string;
  };
  const lock = resolveLock(bare);
  assert.deepEqual(
    tarballsOf(lock).map(({ url }) => url),
    [
      "https://registry.npmjs.org/@scope/right-of/-/right-of-1.0.0.tgz",
      "https://registry.npmjs.org/left-of/-/left-of-1.0.0.tgz",
    ],
  );
  const byIntegrity = new Map(Object.values(packages).map((bytes) => [integrityOf(bytes), bytes]));
  const folder = join(lab.folder, "npm-deps");
  writeNpmDeps(folder, lock, ({ integrity }) => byIntegrity.get(integrity) ?? Buffer.alloc(0));
  await nixAccepts(lab, "npm-deps", folder);

  // npm takes the tree for its own cache: offline, it has everything from there.
  const project = writeFiles(join(lab.folder, "project"), {
    "package.json": JSON.stringify({ name: "small", dependencies: { "left-of": "1.0.0", "@scope/right-of": "1.0.0" } }),
    "package-lock.json": lock,
  });
  execFileSync("cp", ["-r", folder, join(lab.folder, "cache")]);
  const options = ["--offline", "--ignore-scripts", "--no-audit", "--cache", join(lab.folder, "cache")];
  execFileSync("npm", ["ci", ...options], { cwd: project, stdio: "pipe" });
  assert.equal(readFileSync(join(project, "node_modules/@scope/right-of/index.js"), "utf8"), "module.exports = 2;\n");

  const other = (): Uint8Array => Buffer.from("something else");
  assert.throws(() => {
    writeNpmDeps(join(lab.folder, "other"), lock, other);
  }, /is not what package-lock\.json says/);
});

test("a lock without a hash, or of another version, is not completed", async () => {
  const { resolveLock } = (await import(join(checkout, "nix/npm/resolve-lock.mjs"))) as {
    resolveLock: (text: string) => string;
  };
  const lock = (entry: object, lockfileVersion = 3): string =>
    JSON.stringify({ lockfileVersion, packages: { "": {}, "node_modules/a": entry } });
  assert.throws(() => resolveLock(lock({ version: "1.0.0" })), /node_modules\/a in package-lock\.json has no SHA-512/);
  assert.throws(() => resolveLock(lock({ version: "1.0.0", integrity: "sha1-abc" })), /has no SHA-512/);
  assert.throws(() => resolveLock(lock({}, 1)), /must have version 3, not 1/);
});
