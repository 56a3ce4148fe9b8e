import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const checkout = join(import.meta.dirname, "..", "..");

export interface PackedProject {
  /** An empty Pulumi project outside the checkout, with the package in its node_modules. */
  readonly folder: string;
  /** The package as it was installed there. */
  readonly installed: string;
  /** Paths inside the package, sorted. */
  readonly files: readonly string[];
  readonly manifest: PackedManifest;
  readonly remove: () => void;
}

export interface PackedManifest {
  readonly name: string;
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/**
 * Runs `npm pack`, unpacks the tarball as `npm install` would, into a new project, and links exactly the package's
 * declared dependencies from the checkout: the package gets by on its own files, exports and dependencies, and no
 * registry is asked.
 */
export async function packedProject(): Promise<PackedProject> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "neko-trust-package-")));
  const remove = (): void => {
    rmSync(folder, { recursive: true });
  };
  try {
    // npm's prepack script needs this Node first on PATH.
    const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}` };
    const args = ["pack", "--json", "--loglevel=error", "--pack-destination", folder];
    const { stdout } = await run("npm", args, { cwd: checkout, env, maxBuffer: 64 * 1024 * 1024 });
    const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
    if (packed === undefined) throw new Error("npm pack named no tarball");
    const modules = join(folder, "node_modules");
    const installed = join(modules, "neko-trust");
    mkdirSync(installed, { recursive: true });
    await run("tar", ["-xzf", join(folder, packed.filename), "--strip-components=1", "-C", installed]);
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as PackedManifest;
    for (const name of Object.keys(manifest.dependencies)) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(checkout, "node_modules", name), join(modules, name));
    }
    const project = {
      name: "empty",
      private: true,
      type: "module",
      dependencies: { [manifest.name]: manifest.version },
    };
    writeFileSync(join(folder, "package.json"), JSON.stringify(project));
    writeFileSync(
      join(folder, "Pulumi.yaml"),
      "name: empty\nruntime: { name: nodejs, options: { typescript: false } }\n",
    );
    return { folder, installed, files: packed.files.map((file) => file.path).sort(), manifest, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
