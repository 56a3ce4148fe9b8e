import { readYamlConfig } from "../../config/read-config.ts";
import { formatDigestReference } from "../../core/release/reference.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

/** The action of `release list`. */
export function releaseListAction(stack: string, context: CommandContext): Outcome {
  const { releases } = readYamlConfig(stack, context.directories);
  const shown = releases.map(({ image, current, retained }) => ({ image, current, retained }));
  return {
    exitCode: exitCodes.done,
    lines: shown.flatMap(({ image, current, retained }) => [
      formatDigestReference(image, current),
      ...retained.map((digest) => `  retained ${formatDigestReference(image, digest)}`),
    ]),
    document: { stack, releases: shown },
  };
}
