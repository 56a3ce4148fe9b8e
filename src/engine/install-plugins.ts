import { runBounded } from "../adapters/processes/run-bounded.ts";
import { Failure } from "../core/failure.ts";
import { unresolved } from "../core/pins/pins.ts";
import type { Pins } from "../core/pins/pins.ts";

export interface InstallContext {
  /** The engine's binary. */
  readonly command: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The machine that they are for. */
  readonly architecture: "amd64" | "arm64";
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

const maxOutputBytes = 1024 * 1024;

/**
 * Installs Pulumi's providers in the versions of pins.yaml, each against its pinned digest: the engine refuses any other
 * archive. Throws PIN_UNRESOLVED (usage) before anything is fetched, PLUGIN_NOT_INSTALLED (unavailable).
 */
export async function installPlugins(plugins: Pins["plugins"], context: InstallContext): Promise<void> {
  const { command, environment, architecture, signal, progress } = context;
  const wanted = plugins.map(({ name, version, sha256 }) => ({
    name,
    version,
    digest: sha256[`linux/${architecture}`],
  }));
  const unknown = wanted.filter(({ digest }) => digest === unresolved);
  if (unknown.length > 0) {
    throw new Failure({
      code: "PIN_UNRESOLVED",
      kind: "usage",
      message: `${unknown.length} of ${wanted.length} plugins have no digest for linux/${architecture} in pins.yaml: nothing was installed.`,
      remedy: "Run neko-trust pin where GitHub can be reached, review what it wrote to pins.yaml, and commit it.",
      details: unknown.map(({ name, version }) => `plugin ${name} ${version}`),
    });
  }
  for (const { name, version, digest } of wanted) {
    progress(`installing plugin ${name} ${version}`);
    const checksum = digest.slice("sha256:".length);
    const args = ["plugin", "install", "resource", name, version, "--checksum", checksum];
    const { code, lastLines } = await runBounded({ program: command, args, environment, maxOutputBytes, signal });
    if (code === 0) continue;
    throw new Failure({
      code: "PLUGIN_NOT_INSTALLED",
      kind: "unavailable",
      message: `Plugin ${name} ${version} could not be installed.`,
      remedy:
        "See what the engine says. Another digest than the pinned one is a reason to look, not to change the pin.",
      details: lastLines,
    });
  }
}
