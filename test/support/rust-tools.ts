import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { takeLock } from "../../src/adapters/toolchain/build-lock.ts";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { checkout } from "./flake-lab.ts";

/** A program of the Rust registry that only tests need, at one version, with the dependencies that it was locked to. */
export interface RustTool {
  readonly crate: string;
  readonly version: string;
  readonly binary: string;
}

/** nixfmt's Rust form gives the layout of nixfmt (RFC 166). */
export const nixfmt: RustTool = { crate: "nixfmt_rs", version: "0.5.3", binary: "nixfmt" };
export const deadnix: RustTool = { crate: "deadnix", version: "1.3.1", binary: "deadnix" };

const run = promisify(execFile);

/** The tool's path in the cache, where it is built first when it is not there; or why it can't be had here. */
export async function rustTool({ crate, version, binary }: RustTool): Promise<string | { readonly absent: string }> {
  const shelf = join(directoriesOf(checkout, process.env).cache, "tools", crate);
  const folder = join(shelf, version);
  const path = join(folder, "bin", binary);
  if (existsSync(path)) return path;
  try {
    execFileSync("cargo", ["--version"], { stdio: "ignore" });
  } catch {
    return { absent: `${crate} is built with cargo, and there is none on PATH` };
  }
  mkdirSync(shelf, { recursive: true });
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  const release = await takeLock(join(shelf, "lock"), {
    onWait: (pid) => say(`waiting for process ${pid}, which is building ${crate}`),
    reportMilliseconds: 15_000,
  });
  try {
    if (existsSync(path)) return path;
    say(`building ${crate} ${version} (usually 1 to 2 minutes the first time)`);
    const draft = join(shelf, `.building-${process.pid}`);
    rmSync(draft, { recursive: true, force: true });
    await run("cargo", ["install", "--quiet", "--debug", "--locked", "--version", version, "--root", draft, crate], {
      // Where cargo compiles, so that nothing of it is left when it is killed.
      env: { ...process.env, CARGO_TARGET_DIR: join(draft, "target") },
      maxBuffer: 16 * 1024 * 1024,
    });
    rmSync(join(draft, "target"), { recursive: true, force: true });
    renameSync(draft, folder);
    return path;
  } finally {
    await release();
  }
}
