import { readYamlConfig } from "../../config/read-config.ts";
import type { StackConfig } from "../../config/stack-config.ts";
import { Failure } from "../../core/failure.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";
import { parseReference } from "../../core/release/reference.ts";
import type { TeeEvidence } from "../../core/verify/evidence.ts";
import { openTeeEvidence } from "../../operations/open-tee-evidence.ts";
import type { TeeTerms } from "../../operations/open-tee-evidence.ts";
import { readCurrentCollateral } from "../../operations/read-current-collateral.ts";
import { readPolicyFile } from "../../operations/read-policy-file.ts";
import { readTrustedRootFile } from "../../operations/read-trusted-root.ts";
import type { VerifyImageRequest } from "../../operations/verify-image.ts";
import { teeTermsOf } from "../../operations/verify-releases.ts";
import type { CommandContext } from "../context.ts";
import { readInput } from "./files.ts";

/** Which policy and root a command verifies under: `--stack`, or `--policy` with `--trusted-root`. */
export interface TrustOptions {
  readonly stack?: string;
  readonly policy?: string;
  readonly trustedRoot?: string;
  /** With `--stack`: the policy and root of its signerRelease, in the place of its own. */
  readonly asSigner?: boolean;
}

/** For a policy with `tee`: the signer whose release is verified first. A stack names its own. */
export interface SignerReleaseOptions {
  readonly signerImage?: string;
  readonly signerPolicy?: string;
  readonly quoteRoot?: string | undefined;
  readonly teeCollateral?: string;
}

/** The root certificate of a lab's simulated platform, where one is named. Throws as readInput. */
export function quoteRootOf({ quoteRoot }: Pick<SignerReleaseOptions, "quoteRoot">): Uint8Array | undefined {
  return quoteRoot === undefined ? undefined : readInput("--quote-root", quoteRoot);
}

/** What a policy with `tee` needs to know of the signer: from the options, else from the stack. Throws SIGNER_IMAGE_UNNAMED. */
export function teeTermsOfOptions(options: TrustOptions & SignerReleaseOptions, context: CommandContext): TeeTerms {
  const { stack, signerImage: image, signerPolicy, teeCollateral } = options;
  const quoteRoot = quoteRootOf(options);
  const others = {
    ...(quoteRoot === undefined ? {} : { quoteRoot }),
    ...(teeCollateral === undefined ? {} : { collateral: readCurrentCollateral(teeCollateral) }),
  };
  if (image !== undefined) {
    parseReference(`${image}:latest`);
    const policy = signerPolicy === undefined ? {} : { policy: readPolicyFile(signerPolicy) };
    return { signer: { image, ...policy }, ...others };
  }
  if (signerPolicy !== undefined) {
    throw new Failure({
      code: "SIGNER_IMAGE_UNNAMED",
      kind: "usage",
      message: "A policy for the signer's release is named, but not where that release lies.",
      remedy: "Give --signer-image registry/path with --signer-policy.",
    });
  }
  if (stack === undefined) return others;
  const { checkout } = context.directories;
  return { ...teeTermsOf(readYamlConfig(stack, context.directories), { checkout }), ...others };
}

/**
 * The signer's release, verified, where the policy has `tee`; undefined where it has none. Throws as teeTermsOfOptions and
 * openTeeEvidence.
 */
export async function teeEvidenceOf(
  client: Parameters<typeof openTeeEvidence>[0],
  under: Pick<VerifyImageRequest, "policy" | "trustedRoot" | "now">,
  options: TrustOptions & SignerReleaseOptions,
  context: CommandContext,
): Promise<TeeEvidence | undefined> {
  if (under.policy.tee === undefined) return undefined;
  return openTeeEvidence(client, { ...under, tee: teeTermsOfOptions(options, context) });
}

/** The policy and the root, from a stack's file or from two files. Throws POLICY_NOT_NAMED, and what reading them throws. */
export function trustOf(
  options: TrustOptions,
  context: CommandContext,
): { policy: TrustPolicy; trustedRoot: Uint8Array } {
  const { checkout } = context.directories;
  const asSigner = options.asSigner === true;
  if (options.stack !== undefined && options.policy === undefined && options.trustedRoot === undefined) {
    const config = readYamlConfig(options.stack, context.directories);
    const { policy, trustedRoot } = stackTrustOf(config, options.stack, { asSigner });
    return { policy, trustedRoot: readTrustedRootFile(trustedRoot, checkout) };
  }
  if (options.stack === undefined && options.policy !== undefined && options.trustedRoot !== undefined && !asSigner) {
    const policy = readPolicyFile(options.policy);
    return { policy, trustedRoot: readTrustedRootFile(options.trustedRoot, process.cwd()) };
  }
  throw new Failure({
    code: "POLICY_NOT_NAMED",
    kind: "usage",
    message: "It isn't clear which policy to verify under.",
    remedy: asSigner
      ? "Name a stack with --stack: --as-signer takes the policy of its signerRelease."
      : "Name a stack with --stack, or a policy with both --policy and --trusted-root.",
  });
}

/** A stack's policy and root (a path), or those of its signer's own release. Throws SIGNER_RELEASE_UNNAMED. */
function stackTrustOf(
  config: StackConfig,
  stack: string,
  { asSigner }: { readonly asSigner: boolean },
): { policy: TrustPolicy; trustedRoot: string } {
  if (!asSigner) return config;
  const signer = signerReleaseOf(config, stack);
  return { policy: signer.policy, trustedRoot: signer.trustedRoot ?? config.trustedRoot };
}

/** The signer's release that a stack names. Throws SIGNER_RELEASE_UNNAMED. */
export function signerReleaseOf(config: StackConfig, stack: string): NonNullable<StackConfig["signerRelease"]> {
  const { signerRelease: signer } = config;
  if (signer !== undefined) return signer;
  throw new Failure({
    code: "SIGNER_RELEASE_UNNAMED",
    kind: "usage",
    message: `Stack "${stack}" has no signerRelease, which --as-signer is about.`,
    remedy: "Leave --as-signer out, or name a stack that has a signer.",
  });
}
