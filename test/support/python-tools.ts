import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { reasonOf } from "../../src/core/failure.ts";
import { checkout } from "./engine/engine-under-test.ts";

const run = promisify(execFile);

/** The folder of programs that pip installed from hashed wheels, or why they can't be had here. */
export type PythonTools = { readonly programs: string } | { readonly absent: string };

/**
 * Installs `tools/<name>/requirements.txt` into the cache, once for each content of that file: a virtual environment of
 * its own, wheels only, each against its hash.
 */
export async function pythonTools(name: string): Promise<PythonTools> {
  if (process.arch !== "x64")
    return { absent: `tools/${name}/requirements.txt has the hashes of wheels for x86_64 alone` };
  const requirements = join(checkout, "tools", name, "requirements.txt");
  const key = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const shelf = join(directoriesOf(checkout, process.env).cache, "tools", name);
  const target = join(shelf, key);
  const programs = join(target, "bin");
  if (existsSync(join(target, "whole"))) return { programs };
  const draft = join(shelf, `.installing-${process.pid}`);
  try {
    mkdirSync(shelf, { recursive: true });
    await run("python3", ["-m", "venv", draft]);
    const args = ["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", requirements];
    await run(join(draft, "bin", "pip"), [...args, "--disable-pip-version-check"]);
    await run("touch", [join(draft, "whole")]);
    rmSync(target, { recursive: true, force: true });
    renameSync(draft, target);
    return { programs };
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (existsSync(join(target, "whole"))) return { programs };
    return { absent: `pip can't install tools/${name} here: ${reasonOf(error).split("\n")[0] ?? ""}` };
  }
}
