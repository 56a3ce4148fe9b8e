import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { hashPath } from "../src/adapters/nix/hash-path.ts";

/**
 * Computes npmDepsHash (nixpkgs' fetchNpmDeps, fetcherVersion 1) without Nix: the NAR hash of a cache of npm that holds each
 * tarball of a package-lock.json, as pkgs/build-support/node/fetch-npm-deps/src/{main,cacache}.rs writes it, and the
 * lock itself. Tarballs come from npm's own cache, which npm fills.
 *
 * `node dev/npm-deps-hash.ts [package-lock.json]` prints it; a lock without addresses is first completed as the flake does
 * it. With `--write`, nix/npm/deps.json gets the hash of this project's lock.
 */

/** A package of a lock: where its tarball is, and what it hashes to (`sha512-…`). */
export interface LockedTarball {
  readonly url: string;
  readonly integrity: string;
}

/** The tarballs that a lock (version 2 or 3) names, each once, by address. Throws an Error where one has no SHA-512. */
export function tarballsOf(lock: string): LockedTarball[] {
  const { packages } = JSON.parse(lock) as {
    readonly packages: Readonly<Record<string, { readonly resolved?: string; readonly integrity?: string }>>;
  };
  const found = new Map<string, LockedTarball>();
  for (const [path, { resolved, integrity }] of Object.entries(packages)) {
    if (path === "" || !(resolved ?? "").startsWith("https://")) continue;
    if (resolved === undefined || !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? "")) {
      throw new Error(`${path} has no SHA-512 of its tarball.`);
    }
    found.set(resolved, { url: resolved, integrity: integrity ?? "" });
  }
  return [...found.values()].sort((a, b) => (a.url < b.url ? -1 : 1));
}

/** Writes what fetchNpmDeps puts out below `folder`; `read` gives a tarball, whose hash is checked here. */
export function writeNpmDeps(folder: string, lock: string, read: (tarball: LockedTarball) => Uint8Array): void {
  for (const tarball of tarballsOf(lock)) {
    const bytes = read(tarball);
    const hex = hexOf(tarball.integrity);
    if (createHash("sha512").update(bytes).digest("hex") !== hex) {
      throw new Error(`${tarball.url} is not what package-lock.json says: it hashes to something else.`);
    }
    write(join(folder, "_cacache/content-v2/sha512", ...segments(hex)), bytes);
    const key = `make-fetch-happen:request-cache:${tarball.url}`;
    // The order of keys is the Rust structure's.
    const entry = JSON.stringify({
      key,
      integrity: tarball.integrity,
      time: 0,
      size: bytes.length,
      metadata: { url: tarball.url, options: { compress: true } },
    });
    const line = `${createHash("sha1").update(entry).digest("hex")}\t${entry}`;
    write(join(folder, "_cacache/index-v5", ...segments(createHash("sha256").update(key).digest("hex"))), line);
  }
  write(join(folder, "package-lock.json"), lock);
}

/** A tarball from npm's cache in `cache`, by its hash; undefined when it is not there. */
export function fromNpmCache(cache: string, { integrity }: LockedTarball): Uint8Array | undefined {
  const file = join(cache, "_cacache/content-v2/sha512", ...segments(hexOf(integrity)));
  return existsSync(file) ? readFileSync(file) : undefined;
}

function hexOf(integrity: string): string {
  return Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex");
}

function segments(hex: string): [string, string, string] {
  return [hex.slice(0, 2), hex.slice(2, 4), hex.slice(4)];
}

function write(file: string, content: Uint8Array | string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** npmDepsHash of a lock, with the help of npm for what its cache lacks. */
async function npmDepsHash(lock: string): Promise<string> {
  const tarballs = tarballsOf(lock);
  const folder = mkdtempSync(join(tmpdir(), "neko-npm-deps-"));
  try {
    const cache = execFileSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).trim();
    const missing = tarballs.filter((tarball) => fromNpmCache(cache, tarball) === undefined);
    for (let start = 0; start < missing.length; start += 20) {
      const urls = missing.slice(start, start + 20).map(({ url }) => url);
      execFileSync("npm", ["cache", "add", ...urls], { stdio: ["ignore", "ignore", "inherit"] });
    }
    writeNpmDeps(folder, lock, (tarball) => {
      const bytes = fromNpmCache(cache, tarball);
      if (bytes === undefined) throw new Error(`npm has nothing at ${tarball.url} with the hash of package-lock.json.`);
      return bytes;
    });
    return (await hashPath(folder)).narHash;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As much of a lock as is read here; version 1 has no `packages`. */
const lockShape = z.object({
  packages: z.record(z.string(), z.object({ resolved: z.string().optional(), integrity: z.string().optional() })),
});

/** nix/npm/deps.json: the hash, and the SRI hash of the lock that it is of, so that a test sees when it is stale. */
export interface NpmDepsRecord {
  readonly lock: string;
  readonly npmDepsHash: string;
}

export function lockHash(lock: Uint8Array | string): string {
  return `sha256-${createHash("sha256").update(lock).digest("base64")}`;
}

const usage = `usage: node dev/npm-deps-hash.ts [package-lock.json]   prints npmDepsHash of a lock, this project's unless named
       node dev/npm-deps-hash.ts --write              puts that of this project's lock into nix/npm/deps.json`;

/** Throws an Error of one line where the file is no package-lock.json of version 2 or 3. */
function readLock(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Error(`${file} can't be read (${code}).`, { cause: error });
  }
  if (lockShape.safeParse(jsonOf(text)).success) return text;
  throw new Error(`${file} is no package-lock.json of version 2 or 3.`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { write: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    console.log(usage);
    return;
  }
  const [named, ...more] = positionals;
  if (more.length > 0) throw new Error(`Only one package-lock.json can be named.\n${usage}`);
  if (named !== undefined && values.write === true) {
    throw new Error("--write is for this project's own package-lock.json: name none beside it.");
  }
  const checkout = resolve(import.meta.dirname, "..");
  const text = readLock(resolve(named ?? join(checkout, "package-lock.json")));
  const module = (await import(join(checkout, "nix/npm/resolve-lock.mjs"))) as {
    resolveLock: (text: string) => string;
  };
  const packages = Object.entries((JSON.parse(text) as { packages: Record<string, { resolved?: string }> }).packages);
  const complete = packages.every(([path, { resolved }]) => path === "" || resolved !== undefined);
  const hash = await npmDepsHash(complete ? text : module.resolveLock(text));
  console.log(hash);
  if (values.write === true) {
    const record: NpmDepsRecord = { lock: lockHash(text), npmDepsHash: hash };
    writeFileSync(join(checkout, "nix/npm/deps.json"), `${JSON.stringify(record, null, 2)}\n`);
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
