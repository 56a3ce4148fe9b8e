import { readYamlConfig } from "../../config/read-config.ts";
import { Failure } from "../../core/failure.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";
import { readPolicyFile } from "../../operations/read-policy-file.ts";
import { readTrustedRootFile } from "../../operations/read-trusted-root.ts";
import type { CommandContext } from "../context.ts";

/** Which policy and root a command verifies under: `--stack`, or `--policy` with `--trusted-root`. */
export interface TrustOptions {
  readonly stack?: string;
  readonly policy?: string;
  readonly trustedRoot?: string;
}

/** The policy and the root, from a stack's file or from two files. Throws POLICY_NOT_NAMED, and what reading them throws. */
export function trustOf(
  options: TrustOptions,
  context: CommandContext,
): { policy: TrustPolicy; trustedRoot: Uint8Array } {
  const { checkout } = context.directories;
  if (options.stack !== undefined && options.policy === undefined && options.trustedRoot === undefined) {
    const config = readYamlConfig(options.stack, context.directories);
    return { policy: config.policy, trustedRoot: readTrustedRootFile(config.trustedRoot, checkout) };
  }
  if (options.stack === undefined && options.policy !== undefined && options.trustedRoot !== undefined) {
    const policy = readPolicyFile(options.policy);
    return { policy, trustedRoot: readTrustedRootFile(options.trustedRoot, process.cwd()) };
  }
  throw new Failure({
    code: "POLICY_NOT_NAMED",
    kind: "usage",
    message: "It isn't clear which policy to verify under.",
    remedy: "Name a stack with --stack, or a policy with both --policy and --trusted-root.",
  });
}
