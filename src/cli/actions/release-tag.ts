import { parseDigestReference } from "../../core/release/reference.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { tagRelease } from "../../operations/tag-release.ts";
import { isUnavailable } from "../../operations/verify-releases.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { refusedLines } from "./refused-lines.ts";
import { trustOf } from "./trust-options.ts";

export interface ReleaseTagOptions {
  readonly move?: boolean;
  readonly asSigner?: boolean;
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
  const { resolved, result, before, written } = await tagRelease(openRegistry(context.environment, context.signal), {
    reference,
    tag,
    move: options.move === true,
    policy,
    trustedRoot,
    now: context.now(),
  });
  const tagged = `${reference.repository}:${tag}`;
  if (!result.ok) {
    return {
      exitCode: isUnavailable(result.findings) ? exitCodes.unavailable : exitCodes.refused,
      lines: [...refusedLines(resolved, policy.name, result.findings), `${tagged} was not changed.`],
      document: { ok: false, resolved, tagged, policy: policy.name, written, findings: result.findings },
    };
  }
  const { version } = result.proof.data.manifest;
  return {
    exitCode: exitCodes.done,
    lines: [
      `✓ verified under policy "${policy.name}": ${resolved} (${version})`,
      written
        ? `${tagged} names it now${before === undefined ? "" : `, and named ${before} before`}.`
        : `${tagged} names it already.`,
    ],
    document: { ok: true, resolved, tagged, policy: policy.name, version, written, before: before ?? null },
  };
}
