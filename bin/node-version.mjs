// Plain JavaScript for any Node from 18 on: it has to run before it is known that this Node can run TypeScript.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const { existsSync } = createRequire(import.meta.url)("node:fs");

export const checkout = dirname(dirname(fileURLToPath(import.meta.url)));

const needed = [24, 15];

export function isNodeNewEnough(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

/** The Node that `make setup` installs from the npm registry, or undefined. */
export function pinnedNode() {
  const path = join(checkout, "tools", "node", "node_modules", `node-linux-${process.arch}`, "bin", "node");
  return existsSync(path) ? path : undefined;
}

/** What is wrong, and what to do: the code is NODE_TOO_OLD. */
export function nodeTooOld(what) {
  return [
    `${what} needs Node ${needed.join(".")} or newer; this is ${process.versions.node}.`,
    "Run `make setup` once: it installs a pinned Node beside the project (or put a newer one on PATH).",
  ];
}
