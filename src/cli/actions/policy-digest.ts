import { digestOfPolicies } from "../../config/digest-of-policies.ts";
import { readYamlConfig } from "../../config/read-config.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

/** The action of `policy digest`. */
export function policyDigestAction(stack: string, context: CommandContext): Outcome {
  const config = readYamlConfig(stack, context.directories);
  const digest = digestOfPolicies(config);
  const policies = [config.policy, ...(config.signerRelease === undefined ? [] : [config.signerRelease.policy])];
  return {
    exitCode: exitCodes.done,
    lines: [digest],
    document: { ok: true, stack, digest, policies: policies.map(({ name }) => name) },
  };
}
