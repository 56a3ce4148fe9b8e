import { parseReference } from "../../core/release/reference.ts";
import { changeReleases } from "../../operations/change-releases.ts";
import { openStackFile } from "../../operations/edit-stack-file.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import type { CommandContext } from "../context.ts";
import type { Outcome } from "../outcome.ts";
import { releasesOutcome } from "./releases-outcome.ts";
import { retainOptions } from "./retain-options.ts";
import type { TypedRetainOptions } from "./retain-options.ts";

export interface ReleaseSetOptions extends TypedRetainOptions {
  readonly dryRun?: boolean;
}

/** The action of `release set`. */
export async function releaseSetAction(
  stack: string,
  text: string,
  options: ReleaseSetOptions,
  context: CommandContext,
): Promise<Outcome> {
  const reference = parseReference(text);
  const retain = retainOptions(options);
  const open = openStackFile(stack, context.directories);
  const client = openRegistry(context.environment, context.signal);
  const request = { references: [reference], dryRun: options.dryRun === true, now: context.now(), ...retain };
  return releasesOutcome(open, await changeReleases(open, request, { client, directories: context.directories }));
}
