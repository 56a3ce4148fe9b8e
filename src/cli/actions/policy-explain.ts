import { readYamlConfig } from "../../config/read-config.ts";
import { Failure } from "../../core/failure.ts";
import { explainPolicy } from "../../core/policy/explain-policy.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";
import { parseReference } from "../../core/release/reference.ts";
import type { Reference } from "../../core/release/reference.ts";
import { rootEntries } from "../../core/sigstore/root-entries.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { readPolicyFile } from "../../operations/read-policy-file.ts";
import { readTrustedRootFile } from "../../operations/read-trusted-root.ts";
import { verifyImage } from "../../operations/verify-image.ts";
import type { VerifyImageRequest } from "../../operations/verify-image.ts";
import { isUnavailable } from "../../operations/verify-releases.ts";
import {
  drawAdmission,
  drawExplainedFindings,
  drawExplanation,
  explainFindings,
} from "../../report/policy-explanation.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { teeEvidenceOf, trustOf } from "./trust-options.ts";
import type { SignerReleaseOptions, TrustOptions } from "./trust-options.ts";

export type PolicyExplainOptions = TrustOptions & SignerReleaseOptions;

/** The action of `policy explain`. */
export async function policyExplainAction(
  text: string | undefined,
  options: PolicyExplainOptions,
  context: CommandContext,
): Promise<Outcome> {
  const reference = text === undefined ? undefined : parseReference(text);
  const now = context.now();
  const { policy, trustedRoot } = reference === undefined ? policyOf(options, context) : trustOf(options, context);
  const entries = trustedRoot === undefined ? undefined : rootEntries(trustedRoot);
  const explanation = explainPolicy(policy, entries?.ok === true ? { now, root: entries.proof } : { now });
  const lines = drawExplanation(explanation);
  if (reference === undefined || trustedRoot === undefined) {
    return { exitCode: exitCodes.done, lines, document: { ok: true, explanation } };
  }
  const verdict = await judge(reference, { policy, trustedRoot }, options, context);
  return {
    exitCode: verdict.exitCode,
    lines: [...lines, "", ...verdict.lines],
    document: { ok: verdict.exitCode === exitCodes.done, explanation, verdict: verdict.document },
  };
}

/** The policy, and its root where there is one to read: an explanation can do without. */
function policyOf(
  options: PolicyExplainOptions,
  context: CommandContext,
): { policy: TrustPolicy; trustedRoot?: Uint8Array } {
  const { stack, policy: file, trustedRoot } = options;
  if (stack !== undefined && file === undefined && trustedRoot === undefined) {
    const config = readYamlConfig(stack, context.directories);
    try {
      return {
        policy: config.policy,
        trustedRoot: readTrustedRootFile(config.trustedRoot, context.directories.checkout),
      };
    } catch (error) {
      if (error instanceof Failure) return { policy: config.policy };
      throw error;
    }
  }
  if (stack === undefined && file !== undefined) {
    const policy = readPolicyFile(file);
    if (trustedRoot === undefined) return { policy };
    return { policy, trustedRoot: readTrustedRootFile(trustedRoot, process.cwd()) };
  }
  throw new Failure({
    code: "POLICY_NOT_NAMED",
    kind: "usage",
    message: "It isn't clear which policy to explain.",
    remedy: "Name a stack with --stack, or a policy with --policy (and --trusted-root, to look into its root).",
  });
}

async function judge(
  reference: Reference,
  trust: Pick<VerifyImageRequest, "policy" | "trustedRoot">,
  options: PolicyExplainOptions,
  context: CommandContext,
): Promise<Outcome> {
  const client = openRegistry(context.environment, context.signal);
  const under = { ...trust, now: context.now() };
  const tee = await teeEvidenceOf(client, under, options, context);
  const { resolved, result } = await verifyImage(client, { reference, ...under, tee });
  if (result.ok) {
    const release = result.proof.data;
    return {
      exitCode: exitCodes.done,
      lines: [resolved, ...drawAdmission(release), "It would be admitted."],
      document: { resolved, verdict: "admitted", findings: [], release },
    };
  }
  const findings = explainFindings(result.findings);
  const unavailable = isUnavailable(result.findings);
  return {
    exitCode: unavailable ? exitCodes.unavailable : exitCodes.refused,
    lines: [
      resolved,
      ...drawExplainedFindings(findings),
      unavailable ? "It would be refused, as its evidence can't be read." : "It would be refused.",
    ],
    document: { resolved, verdict: unavailable ? "unavailable" : "refused", findings },
  };
}
