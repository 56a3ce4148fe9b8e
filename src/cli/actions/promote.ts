import { readYamlConfig } from "../../config/read-config.ts";
import { Failure } from "../../core/failure.ts";
import { changeReleases } from "../../operations/change-releases.ts";
import { openStackFile } from "../../operations/edit-stack-file.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { promotedReferences } from "../../operations/promote.ts";
import type { CommandContext } from "../context.ts";
import type { Outcome } from "../outcome.ts";
import { releasesOutcome } from "./releases-outcome.ts";
import { quoteRootOf } from "./trust-options.ts";
import { retainOptions } from "./retain-options.ts";
import type { TypedRetainOptions } from "./retain-options.ts";

export interface PromoteOptions extends TypedRetainOptions {
  readonly image?: string;
  readonly dryRun?: boolean;
  readonly quoteRoot?: string;
}

/** The action of `promote`. */
export async function promoteAction(
  from: string,
  to: string,
  options: PromoteOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { directories } = context;
  if (from === to) {
    throw new Failure({
      code: "PROMOTE_SAME_STACK",
      kind: "usage",
      message: `Stack ${from} can't be promoted to itself.`,
      remedy: "Name two stacks: the one that has the releases, and the one that is to get them.",
    });
  }
  const retain = retainOptions(options);
  const open = openStackFile(to, directories);
  const source = { stack: from, config: readYamlConfig(from, directories) };
  const references = promotedReferences(source, open, options.image);
  const client = openRegistry(context.environment, context.signal);
  const request = {
    references,
    dryRun: options.dryRun === true,
    now: context.now(),
    quoteRoot: quoteRootOf(options),
    ...retain,
  };
  return releasesOutcome(open, await changeReleases(open, request, { client, directories }));
}
