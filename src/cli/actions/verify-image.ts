import { readFileSync } from "node:fs";
import { readYamlConfig } from "../../config/read-config.ts";
import { Failure, reasonOf } from "../../core/failure.ts";
import { trustPolicySchema } from "../../core/policy/trust-policy.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";
import { parseReference } from "../../core/release/reference.ts";
import { faultLine, schemaFaults } from "../../core/schema-faults.ts";
import { parseStrictYaml } from "../../core/yaml/strict-yaml.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { readTrustedRootFile } from "../../operations/read-trusted-root.ts";
import { verifyImage } from "../../operations/verify-image.ts";
import { isUnavailable } from "../../operations/verify-releases.ts";
import { chainTree, drawFindings, drawTree } from "../../report/chain-tree.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

export interface VerifyImageOptions {
  readonly stack?: string;
  readonly policy?: string;
  readonly trustedRoot?: string;
}

function readPolicyFile(path: string): TrustPolicy {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure(
      {
        code: "POLICY_UNREADABLE",
        kind: "usage",
        message: `The policy ${path} can't be read: ${reasonOf(error)}.`,
        remedy: "Name the file of a TrustPolicy (YAML or JSON).",
      },
      { cause: error },
    );
  }
  const invalid = (details: readonly string[]): Failure =>
    new Failure({
      code: "POLICY_INVALID",
      kind: "usage",
      message: `${path} is not a valid TrustPolicy.`,
      remedy: `Correct ${path}; schemas/trust-policy.v1.schema.json says what is allowed.`,
      details,
    });
  const parsed = parseStrictYaml(text);
  if (!parsed.ok) throw invalid(parsed.faults);
  const policy = trustPolicySchema.safeParse(parsed.value);
  if (policy.success) return policy.data;
  throw invalid(schemaFaults(policy.error, parsed.value).map(faultLine));
}

/** The policy and the root, from a stack's file or from two files. */
export function trustOf(
  options: VerifyImageOptions,
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

/** The action of `verify-image`. */
export async function verifyImageAction(
  text: string,
  options: VerifyImageOptions,
  context: CommandContext,
): Promise<Outcome> {
  const reference = parseReference(text);
  const { policy, trustedRoot } = trustOf(options, context);
  const client = openRegistry(context.environment, context.signal);
  const { resolved, result } = await verifyImage(client, { reference, policy, trustedRoot, now: context.now() });
  if (result.ok) {
    const release = result.proof.data;
    return {
      exitCode: exitCodes.done,
      lines: [`✓ verified under policy "${policy.name}"`, ...drawTree(chainTree(release))],
      document: { ok: true, resolved, policy: policy.name, release },
    };
  }
  const unavailable = isUnavailable(result.findings);
  return {
    exitCode: unavailable ? exitCodes.unavailable : exitCodes.refused,
    lines: [
      unavailable
        ? `✗ not verified: the evidence for ${resolved} can't be read`
        : `✗ refused under policy "${policy.name}": ${resolved}`,
      ...drawFindings(result.findings),
    ],
    document: { ok: false, resolved, policy: policy.name, findings: result.findings },
  };
}
