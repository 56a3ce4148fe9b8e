import { isAbsolute, join } from "node:path";
import type { DiskSource, StackConfig } from "../config/stack-config.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import type { UsableRelease, VerifiedRelease } from "../core/release/verified-release.ts";
import { fetchDiskImage } from "./fetch-disk-image.ts";
import type { CheckedDisk } from "./fetch-disk-image.ts";
import { planReleases, verifyReleases } from "./verify-releases.ts";
import type { StackReleases, VerifyReleasesContext } from "./verify-releases.ts";

/** The part of a stack's configuration that names its confidential signer's release. */
export type StackSigner = Pick<StackConfig, "trustedRoot" | "signerRelease">;

/** A signer's release with the disk that its manifest names. */
export interface SignerWithDisk {
  readonly signer: UsableRelease;
  /** `planned`: an offline preview fetches nothing. */
  readonly disk: CheckedDisk | "planned";
}

export interface OpenedSigner {
  readonly policy: TrustPolicy;
  readonly current: SignerWithDisk;
  readonly retained: readonly SignerWithDisk[];
}

export interface OpenSignerContext extends VerifyReleasesContext {
  /** Whether this is a preview that plans from the stack's file alone. */
  readonly offline: boolean;
  /** Where checked disks are kept, private to this user. */
  readonly folder: string;
}

/**
 * Verifies the signer's releases under their own policy, before anything of the stack, as what the signer signs is
 * believed later; then fetches their disks. Undefined when the stack names none. Throws as `verifyReleases` and
 * `fetchDiskImage`, and SIGNER_RELEASE_LOST, SIGNER_DISK_UNNAMED.
 */
export async function openSignerRelease(
  config: StackSigner,
  context: OpenSignerContext,
): Promise<OpenedSigner | undefined> {
  const { signerRelease: named } = config;
  if (named === undefined) return undefined;
  const { policy, image, current, retained } = named;
  const releases: StackReleases = {
    policy,
    trustedRoot: named.trustedRoot ?? config.trustedRoot,
    releases: [{ image, current, retained }],
  };
  if (context.offline) {
    const plan = only(planReleases(releases));
    const planned = (signer: UsableRelease): SignerWithDisk => ({ signer, disk: "planned" });
    return { policy, current: planned(plan.current), retained: plan.retained.map(planned) };
  }
  const proven = only(await verifyReleases(releases, context));
  const fetched = async (signer: VerifiedRelease): Promise<SignerWithDisk> => {
    const source = atCheckout(sourceOf(signer.data.digest, named), context.checkout);
    return { signer, disk: await fetchDiskImage(context.client, { source, signer, folder: context.folder }) };
  };
  const others: SignerWithDisk[] = [];
  for (const other of proven.retained) others.push(await fetched(other));
  return { policy, current: await fetched(proven.current), retained: others };
}

/** One release was asked for: fewer would be a check that never ran. */
function only<R>(releases: readonly R[]): R {
  const [release, ...more] = releases;
  if (release !== undefined && more.length === 0) return release;
  throw new Failure({
    code: "SIGNER_RELEASE_LOST",
    kind: "refused",
    message: `One signer release was to be verified, and ${releases.length} were.`,
    remedy: "Please report this: it is a bug in neko-trust.",
  });
}

function sourceOf(digest: Digest, named: NonNullable<StackSigner["signerRelease"]>): DiskSource {
  const position = named.retained.indexOf(digest);
  const source = digest === named.current ? named.disk : named.retainedDisks?.[position];
  if (source !== undefined) return source;
  throw new Failure({
    code: "SIGNER_DISK_UNNAMED",
    kind: "usage",
    message: `signerRelease.retained names ${digest}, but retainedDisks doesn't say where its disk lies.`,
    remedy: "Give retainedDisks one entry for each of retained, in its order.",
  });
}

function atCheckout(source: DiskSource, checkout: string): DiskSource {
  return source.kind === "file" && !isAbsolute(source.path) ? { ...source, path: join(checkout, source.path) } : source;
}
