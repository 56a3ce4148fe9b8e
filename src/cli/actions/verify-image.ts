import { parseReference } from "../../core/release/reference.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { verifyImage } from "../../operations/verify-image.ts";
import { isUnavailable } from "../../operations/verify-releases.ts";
import { chainTree, drawFindings, drawTree } from "../../report/chain-tree.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { trustOf } from "./trust-options.ts";

export interface VerifyImageOptions {
  readonly stack?: string;
  readonly policy?: string;
  readonly trustedRoot?: string;
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
