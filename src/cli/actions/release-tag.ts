import { parseDigestReference } from "../../core/release/reference.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import type { Digest } from "../../core/oci/digest.ts";
import type { Finding } from "../../core/verify/finding.ts";
import { tagCandidate, tagRelease } from "../../operations/tag-release.ts";
import { isUnavailable } from "../../operations/verify-releases.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { refusedLines } from "./refused-lines.ts";
import { teeEvidenceOf, trustOf } from "./trust-options.ts";

export interface ReleaseTagOptions {
  readonly move?: boolean;
  readonly asSigner?: boolean;
  readonly quoteRoot?: string;
}

/** The action of `release tag`. */
export async function releaseTagAction(
  stack: string,
  text: string,
  tag: string,
  options: ReleaseTagOptions,
  context: CommandContext,
): Promise<Outcome> {
  const reference = parseDigestReference(text);
  const { policy, trustedRoot } = trustOf({ stack, asSigner: options.asSigner === true }, context);
  const client = openRegistry(context.environment, context.signal);
  const under = { policy, trustedRoot, now: context.now() };
  const tee = await teeEvidenceOf(client, under, { stack, quoteRoot: options.quoteRoot }, context);
  const request = { reference, tag, move: options.move === true, ...under, tee };
  const { resolved, result, before, written } = await tagRelease(client, request);
  const tagged = `${reference.repository}:${tag}`;
  if (!result.ok) return refusedOutcome({ resolved, policy: policy.name, tagged }, result.findings);
  const { version } = result.proof.data.manifest;
  return {
    exitCode: exitCodes.done,
    lines: [
      `✓ verified under policy "${policy.name}": ${resolved} (${version})`,
      taggedLine({ tagged, written, before }),
    ],
    document: { ok: true, resolved, tagged, policy: policy.name, version, written, before: before ?? null },
  };
}

/** The action of `release candidate`. */
export async function releaseCandidateAction(stack: string, text: string, context: CommandContext): Promise<Outcome> {
  const reference = parseDigestReference(text);
  const { policy, trustedRoot } = trustOf({ stack }, context);
  if (policy.tee === undefined) {
    return {
      exitCode: exitCodes.done,
      lines: [`Policy "${policy.name}" demands no attested signature (tee): none is asked for.`],
      document: { ok: true, policy: policy.name, written: false },
    };
  }
  const client = openRegistry(context.environment, context.signal);
  const request = { reference, policy, trustedRoot, now: context.now() };
  const { resolved, result, tag, before, written } = await tagCandidate(client, request);
  const named = { resolved, policy: policy.name };
  if (!result.ok)
    return refusedOutcome({ ...named, tagged: `The candidate of ${reference.repository}` }, result.findings);
  const tagged = `${reference.repository}:${tag ?? ""}`;
  return {
    exitCode: exitCodes.done,
    lines: [
      `✓ verified under policy "${policy.name}", but for rebuilds and the attested signature: ${resolved}`,
      taggedLine({ tagged, written, before }),
    ],
    document: { ok: true, ...named, tagged, written, before: before ?? null },
  };
}

function refusedOutcome(
  { resolved, policy, tagged }: Readonly<Record<"resolved" | "policy" | "tagged", string>>,
  findings: readonly Finding[],
): Outcome {
  return {
    exitCode: isUnavailable(findings) ? exitCodes.unavailable : exitCodes.refused,
    lines: [...refusedLines(resolved, policy, findings), `${tagged} was not changed.`],
    document: { ok: false, resolved, tagged, policy, written: false, findings },
  };
}

function taggedLine({
  tagged,
  written,
  before,
}: {
  tagged: string;
  written: boolean;
  before: Digest | undefined;
}): string {
  if (!written) return `${tagged} names it already.`;
  return `${tagged} names it now${before === undefined ? "" : `, and named ${before} before`}.`;
}
