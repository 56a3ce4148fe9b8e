import { standsForNothing } from "../../config/placeholders.ts";
import { readYamlConfig } from "../../config/read-config.ts";
import { formatDigestReference } from "../../core/release/reference.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { signerReleaseOf } from "./trust-options.ts";

export interface ReleaseListOptions {
  readonly asSigner?: boolean;
}

/** The action of `release list`. Throws SIGNER_RELEASE_UNNAMED, and what reading the stack's file throws. */
export function releaseListAction(stack: string, options: ReleaseListOptions, context: CommandContext): Outcome {
  const config = readYamlConfig(stack, context.directories);
  const releases = options.asSigner === true ? [signerReleaseOf(config, stack)] : config.releases;
  // Zeros stand for a release that there is not yet: what reads this list would look for an image that nobody has.
  const shown = releases
    .filter(({ current }) => !standsForNothing(current))
    .map(({ image, current, retained }) => ({ image, current, retained }));
  return {
    exitCode: exitCodes.done,
    lines: shown.flatMap(({ image, current, retained }) => [
      formatDigestReference(image, current),
      ...retained.map((digest) => `  retained ${formatDigestReference(image, digest)}`),
    ]),
    document: { stack, releases: shown },
  };
}
