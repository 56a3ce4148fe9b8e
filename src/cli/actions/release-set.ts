import { parseReference } from "../../core/release/reference.ts";
import { changeReleases } from "../../operations/change-releases.ts";
import { changeSignerRelease } from "../../operations/change-signer-release.ts";
import { openStackFile } from "../../operations/edit-stack-file.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import type { CommandContext } from "../context.ts";
import type { Outcome } from "../outcome.ts";
import { releasesOutcome } from "./releases-outcome.ts";
import { quoteRootOf } from "./trust-options.ts";
import { retainOptions } from "./retain-options.ts";
import type { TypedRetainOptions } from "./retain-options.ts";
import { signerReleaseOf } from "./trust-options.ts";

export interface ReleaseSetOptions extends TypedRetainOptions {
  readonly dryRun?: boolean;
  readonly quoteRoot?: string;
  readonly asSigner?: boolean;
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
  const place = { client, directories: context.directories };
  const request = { dryRun: options.dryRun === true, now: context.now(), quoteRoot: quoteRootOf(options), ...retain };
  if (options.asSigner !== true) {
    return releasesOutcome(open, await changeReleases(open, { ...request, references: [reference] }, place));
  }
  const named = signerReleaseOf(open.config, stack);
  const shown = { policy: named.policy.name, key: "neko-trust:signerRelease" };
  return releasesOutcome(open, await changeSignerRelease(open, named, { ...request, reference }, place), shown);
}
