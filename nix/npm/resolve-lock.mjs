// Names the tarball of each package in a package-lock.json that npm wrote without (`omit-lockfile-registry-resolved`), as
// nixpkgs' fetchNpmDeps takes packages with an address only. What a tarball holds is pinned by its hash, not by this.
// Usage: node resolve-lock.mjs PACKAGE-LOCK.json: rewrites it.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const registry = "https://registry.npmjs.org";

/** The text of a lock with every `resolved`. Throws an Error for a package without a hash. */
export function resolveLock(text) {
  const lock = JSON.parse(text);
  if (lock.lockfileVersion !== 3)
    throw new Error(`package-lock.json must have version 3, not ${lock.lockfileVersion}.`);
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === "" || entry.link === true || entry.inBundle === true) continue;
    if (typeof entry.integrity !== "string" || !/^sha512-[A-Za-z0-9+/]{86}==$/.test(entry.integrity)) {
      throw new Error(`${path} in package-lock.json has no SHA-512 of its tarball.`);
    }
    const name = entry.name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    entry.resolved ??= `${registry}/${name}/-/${name.slice(name.indexOf("/") + 1)}-${entry.version}.tgz`;
  }
  return `${JSON.stringify(lock, null, 2)}\n`;
}

const [, called, file] = process.argv;
if (called !== undefined && import.meta.url === pathToFileURL(called).href) {
  if (file === undefined) throw new Error("usage: node resolve-lock.mjs PACKAGE-LOCK.json");
  writeFileSync(file, resolveLock(readFileSync(file, "utf8")));
}
