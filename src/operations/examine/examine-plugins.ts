import { readdirSync } from "node:fs";
import { join } from "node:path";
import { homeOf } from "../../adapters/directories/directories.ts";
import { missing, ok } from "../../core/check-result.ts";
import type { CheckResult } from "../../core/check-result.ts";
import { unresolved } from "../../core/pins/pins.ts";
import type { Pins } from "../../core/pins/pins.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Packages that a stack uses, from the components that its file has. */
export function neededPlugins(config: Readonly<Record<string, unknown>>): string[] {
  const needed = new Set<string>();
  if (config["githubOwner"] !== undefined) needed.add("github").add("command");
  if (config["gcp"] !== undefined) needed.add("gcp");
  if (Array.isArray(config["clusters"]) && config["clusters"].length > 0) needed.add("kubernetes");
  return [...needed].sort();
}

/**
 * Whether each provider plugin is installed in the version of its SDK. Another version would be another schema than the
 * program was checked with; Pulumi fetches a missing one by itself, without comparing it with a digest of ours.
 */
export function examinePlugins(
  config: Readonly<Record<string, unknown>>,
  plugins: Pins["plugins"],
  environment: Environment,
): CheckResult[] {
  const folder = pluginFolder(environment);
  const installed = installedIn(folder);
  return neededPlugins(config).map((name) => {
    const title = `plugin ${name}`;
    const pin = plugins.find((plugin) => plugin.name === name);
    if (pin === undefined) return missing(title, "pins.yaml has no version for it", "Add it under plugins.");
    if (installed.includes(`resource-${name}-v${pin.version}`)) return ok(title, `${pin.version} is installed`);
    const others = installed
      .filter((entry) => entry.startsWith(`resource-${name}-v`))
      .map((entry) => entry.slice(`resource-${name}-v`.length));
    const says =
      others.length === 0 ? `${pin.version} is not installed` : `${others.join(", ")} installed, not ${pin.version}`;
    return missing(title, says, installCommand(pin));
  });
}

/** With the pinned digest where it is known: the engine then refuses any other archive. */
function installCommand({ name, version, sha256 }: Pins["plugins"][number]): string {
  const digest = process.arch === "arm64" ? sha256["linux/arm64"] : sha256["linux/amd64"];
  const checksum = digest === unresolved ? "" : ` --checksum ${digest.slice("sha256:".length)}`;
  return `pulumi plugin install resource ${name} ${version}${checksum}`;
}

function pluginFolder(environment: Environment): string | undefined {
  const home = environment["PULUMI_HOME"];
  if (home !== undefined && home !== "") return join(home, "plugins");
  const user = homeOf(environment);
  return user === undefined ? undefined : join(user, ".pulumi", "plugins");
}

function installedIn(folder: string | undefined): string[] {
  try {
    // Beside each folder lie its lock and its mark of a download that has not ended.
    const names = folder === undefined ? [] : readdirSync(folder);
    return names.filter((name) => !/\.(?:lock|partial)$/.test(name) && !names.includes(`${name}.partial`));
  } catch {
    return [];
  }
}
