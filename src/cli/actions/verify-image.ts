import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../core/failure.ts";
import { packageVersion } from "../../operations/package-version.ts";
import { readReferences } from "../../operations/read-references.ts";
import { distinctReferences } from "../../operations/verify-images.ts";
import { verifyInThreads } from "../../operations/verify-in-threads.ts";
import { verifyUntilRebuilt } from "../../operations/verify-until-rebuilt.ts";
import { assertSummariesWritable, writeVerificationSummaries } from "../../operations/write-verification-summaries.ts";
import type { CommandContext } from "../context.ts";
import type { Outcome } from "../outcome.ts";
import { durationOption } from "./duration-option.ts";
import { teeTermsOfOptions, trustOf } from "./trust-options.ts";
import type { SignerReleaseOptions, TrustOptions } from "./trust-options.ts";
import { outcomeOfMany, outcomeOfOne } from "./verdict-outcome.ts";

export interface VerifyImageOptions extends TrustOptions, SignerReleaseOptions {
  readonly file?: string;
  readonly deep?: boolean;
  readonly waitForRebuilds?: string;
  readonly acceptWaivers?: boolean;
  readonly vsa?: string;
  readonly tree?: boolean;
}

/** The action of `verify-image`. */
export async function verifyImageAction(
  named: readonly string[],
  options: VerifyImageOptions,
  context: CommandContext,
): Promise<Outcome> {
  // What is wrong with the call itself is told first.
  distinctReferences(named);
  const waitMilliseconds = durationOption("--wait-for-rebuilds", options.waitForRebuilds, "5h");
  const { policy, trustedRoot } = trustOf(options, context);
  const { vsa } = options;
  if (vsa !== undefined) assertSummariesWritable(vsa);
  const references = await referencesOf(named, options.file, context.signal);
  const { environment, signal, now, progress } = context;
  if (policy.tee === undefined && options.teeCollateral !== undefined) throw teeNotDemanded(policy.name);
  const tee = policy.tee === undefined ? undefined : teeTermsOfOptions(options, context);
  const { verdicts, verifiedAt } = await verifyUntilRebuilt({
    references,
    verify: (names, look) =>
      verifyInThreads({ references: names, terms: { policy, trustedRoot, ...look, tee }, environment, signal }),
    deep: options.deep === true,
    waitMilliseconds,
    now,
    sleep: (milliseconds) => sleep(milliseconds, undefined, { signal }),
    progress,
  });
  if (vsa !== undefined) {
    const verifierVersion = packageVersion(context.directories.checkout);
    writeVerificationSummaries(vsa, verdicts, { policy, timeVerified: verifiedAt, verifierVersion });
  }
  const shown = { policy: policy.name, acceptWaivers: options.acceptWaivers === true, tree: options.tree === true };
  const [only] = verdicts;
  // The shape of the document follows from the call, not from how long a list happens to be.
  const isOne = only !== undefined && named.length === 1 && options.file === undefined;
  return isOne ? outcomeOfOne(only, shown) : outcomeOfMany(verdicts, shown);
}

/** Nobody shall believe that something was said of a machine, where none was asked for. */
function teeNotDemanded(policy: string): Failure {
  return new Failure({
    code: "TEE_NOT_DEMANDED",
    kind: "usage",
    message: `The policy "${policy}" asks for no attested signature (tee), so --tee-collateral is about nothing.`,
    remedy: "Leave --tee-collateral out, or verify under a policy with tee.",
  });
}

/** The references of the call, then those of the file. Throws REFERENCES_MISSING. */
async function referencesOf(
  named: readonly string[],
  file: string | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const references = file === undefined ? named : [...named, ...(await readReferences(file, signal))];
  if (references.length > 0) return references;
  throw new Failure({
    code: "REFERENCES_MISSING",
    kind: "usage",
    message: file === undefined ? "No image was named." : `No image was named, and ${file} holds no reference.`,
    remedy: "Name images as registry/path@sha256:…, or a file of them with --file.",
  });
}
