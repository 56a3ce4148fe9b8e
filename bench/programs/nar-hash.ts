import { hashPath } from "../../src/adapters/nix/hash-path.ts";

/** `node bench/programs/nar-hash.ts PATH` prints the NAR hash of a path: our side of a comparison of processes. */
const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("give a path");
process.stdout.write(`${(await hashPath(path)).narHash}\n`);
