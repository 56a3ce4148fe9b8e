import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import type { PlannedRelease, VerifiedRelease } from "../core/release/verified-release.ts";
import { planReleases, verifyReleases } from "./verify-releases.ts";
import type { Releases, StackReleases, VerifyReleasesContext } from "./verify-releases.ts";

/** The part of a stack's configuration that names its confidential signer's release. */
export interface StackSigner {
  readonly trustedRoot: string;
  readonly signerRelease?:
    | {
        readonly image: string;
        readonly current: Digest;
        readonly retained: readonly Digest[];
        readonly policy: TrustPolicy;
        readonly trustedRoot?: string | undefined;
      }
    | undefined;
}

function asReleases(config: StackSigner): StackReleases | undefined {
  const { signerRelease: signer } = config;
  if (signer === undefined) return undefined;
  const { image, current, retained } = signer;
  return {
    policy: signer.policy,
    trustedRoot: signer.trustedRoot ?? config.trustedRoot,
    releases: [{ image, current, retained }],
  };
}

/**
 * Verifies the signer's release, under its own policy: before anything of the stack, as what it signs is believed later.
 * Undefined when the stack names none. Throws as `verifyReleases`, and SIGNER_RELEASE_LOST when there is no proof.
 */
export async function verifySignerRelease(
  config: StackSigner,
  context: VerifyReleasesContext,
): Promise<Releases<VerifiedRelease> | undefined> {
  const named = asReleases(config);
  return named === undefined ? undefined : only(await verifyReleases(named, context));
}

/** The signer's release as an offline preview plans with it. */
export function planSignerRelease(config: StackSigner): Releases<PlannedRelease> | undefined {
  const named = asReleases(config);
  return named === undefined ? undefined : only(planReleases(named));
}

/** One release was asked for: fewer would be a check that never ran. */
function only<R>(releases: readonly Releases<R>[]): Releases<R> {
  const [release, ...more] = releases;
  if (release !== undefined && more.length === 0) return release;
  throw new Failure({
    code: "SIGNER_RELEASE_LOST",
    kind: "refused",
    message: `One signer release was to be verified, and ${releases.length} were.`,
    remedy: "Please report this: it is a bug in neko-trust.",
  });
}
