// `node bench/programs/nar-hash.mjs PATH` prints the NAR hash of a path: our side of a comparison of processes. It starts
// as bin/neko-trust.mjs does: with the compiled form of the code that an earlier run left.
import { enableCompileCache } from "node:module";
import { privateFolder } from "../../bin/private-folder.mjs";

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("give a path");
const folder = privateFolder(["node-compile"]);
if (folder !== undefined) enableCompileCache(folder);
const { hashPath } = await import("../../src/adapters/nix/hash-path.ts");
process.stdout.write(`${(await hashPath(path)).narHash}\n`);
