import { readPins } from "../../config/read-pins.ts";
import { engineFolder } from "../../engine/engine-folder.ts";
import { findEngine } from "../../engine/find-engine.ts";
import { installPlugins } from "../../engine/install-plugins.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

/** The action of `engine`. */
export async function engineAction(options: { readonly plugins?: boolean }, context: CommandContext): Promise<Outcome> {
  const { directories, environment, progress, signal } = context;
  const pins = readPins(directories.checkout);
  const engine = await findEngine({ directories, environment, progress, signal });
  if (options.plugins === true) {
    const architecture = process.arch === "arm64" ? "arm64" : "amd64";
    await installPlugins(pins.plugins, { command: engine.command, environment, architecture, signal, progress });
  }
  const folder = engineFolder(engine, { directories, environment });
  return {
    exitCode: exitCodes.done,
    lines: [folder],
    document: { folder, command: engine.command, version: engine.version.version, source: engine.source },
  };
}
