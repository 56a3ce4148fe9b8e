import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { createNix } from "../../src/adapters/nix/nix.ts";
import type { Installable, Nix } from "../../src/adapters/nix/nix.ts";
import { removeTree } from "../../src/adapters/trees/remove-tree.ts";
import { Failure } from "../../src/core/failure.ts";
import { buildImage, buildLayer } from "../../src/core/oci/layout-builder.ts";
import { imageLayout } from "../../src/core/oci/layout-files.ts";
import type { LayoutFiles } from "../../src/core/oci/layout-files.ts";

/** Real Nix in a folder of its own: stores, home and settings; nothing touches /nix or the user's. */
export interface NixLab {
  readonly folder: string;
  /** The environment that Nix (and the command line) runs in: its default store lies in the folder. */
  readonly environment: Readonly<Record<string, string>>;
  readonly nix: Nix;
  /** Path of the default store: `/nix/store` lies below. */
  readonly store: string;
  /** Path of another store. */
  readonly otherStore: (name: string) => string;
  /** Writes a file below the folder; its path. */
  readonly write: (name: string, content: string | Uint8Array) => string;
  /** Writes a layout below the folder; its path. */
  readonly writeLayout: (name: string, files: LayoutFiles) => string;
  readonly attribute: (file: string, attribute: string) => Installable;
}

/** What /bin/sh and the tools beside it need; a sandbox sees nothing of the machine but this. */
const sandboxPaths = ["/bin/sh", "/lib", "/lib64", "/usr/lib", "/usr/bin"].filter(existsSync);

/** Derivations without dependencies: /bin/sh is all that they are built by. */
export const nixFunctions = `
  make = name: attributes: script: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-c" script ];
    PATH = "/usr/bin:/bin";
  } // attributes);
`;

/** A lab for one test; undefined, with the test skipped and the reason printed, where Nix can't build in a sandbox. */
export async function nixLab(t: TestContext): Promise<NixLab | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "neko-nix-"));
  t.after(() => {
    removeTree(folder);
  });
  const store = join(folder, "store");
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    NIX_CONF_DIR: folder,
    NIX_USER_CONF_FILES: "",
    NIX_REMOTE: store,
    NIX_CONFIG: [
      "build-users-group =",
      "substituters =",
      "sandbox = true",
      `sandbox-paths = ${sandboxPaths.join(" ")}`,
    ].join("\n"),
  };
  const nix = createNix({ environment });
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  const lab: NixLab = {
    folder,
    environment,
    nix,
    store,
    otherStore: (name) => join(folder, name),
    write,
    writeLayout: (name, files) => {
      for (const [path, bytes] of files) write(join(name, path), bytes);
      return join(folder, name);
    },
    attribute: (file, attribute) => ({ kind: "file", file, attribute }),
  };
  try {
    const probe = write("probe.nix", `let ${nixFunctions} in { probe = make "probe" {} "echo > $out"; }`);
    await nix.build(lab.attribute(probe, "probe"));
    return lab;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    t.skip(`nix can't build in a sandbox here: ${error.message} ${error.details.at(-1) ?? ""}`);
    return undefined;
  }
}

/** A tiny image for a platform, whose one layer holds a text. */
export function tinyImage(text: string, architecture = "amd64") {
  const sourceDateEpoch = 1_700_000_000;
  const content = Buffer.from(text);
  const layer = buildLayer([{ kind: "file", path: "etc/text", bytes: content }], {
    sourceDateEpoch,
    compression: "none",
  });
  return buildImage([layer], { platform: { os: "linux", architecture }, sourceDateEpoch, command: ["/bin/true"] });
}

/**
 * A Nix file whose `image` puts out a layout that names `dependency`, so that both are in its closure; `odd` puts out the
 * same with an annotation that differs each time.
 */
export async function imageFile(lab: NixLab, change = ""): Promise<string> {
  const dependency = `dependency = make "dependency" {} "echo a dependency > $out";`;
  const first = lab.write("dependency.nix", `let ${nixFunctions} in { ${dependency} }`);
  const built = await lab.nix.build(lab.attribute(first, "dependency"));
  const path = built.outputs.get("out") ?? "";
  const image = tinyImage(`needs ${path}${change}`);
  const layout = lab.writeLayout(`layout${change.trim()}`, imageLayout(image));
  return lab.write(
    `image${change.trim()}.nix`,
    `let ${nixFunctions} ${dependency}
      copy = "cp -r $layout $out; chmod -R u+w $out;";
      layout = builtins.path { path = ${layout}; name = "layout"; };
    in {
      image = make "image" { inherit dependency layout; } copy;
      odd = make "odd" { inherit layout; } "\${copy} cat /proc/sys/kernel/random/uuid > $out/odd";
      broken = make "broken" {} "echo it is broken >&2; exit 3";
    }`,
  );
}

/** `nix …` of the lab, for what no adapter does. */
export function runNix(lab: NixLab, program: "nix" | "nix-store", args: readonly string[]): string {
  const features = program === "nix" ? ["--extra-experimental-features", "nix-command flakes"] : [];
  const output = execFileSync(program, [...features, ...args], {
    env: lab.environment,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return output.trim();
}
