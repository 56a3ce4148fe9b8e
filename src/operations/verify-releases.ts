import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { formatDigestReference, parseReference } from "../core/release/reference.ts";
import { PlannedRelease } from "../core/release/verified-release.ts";
import type { VerifiedRelease } from "../core/release/verified-release.ts";
import type { Finding } from "../core/verify/finding.ts";
import { readTrustedRootFile } from "./read-trusted-root.ts";
import { verifyImage } from "./verify-image.ts";

/** A finding as one readable line. */
export function describeFinding(finding: Finding): string {
  return `${finding.code} on ${finding.subject}: expected ${finding.expected}; found ${finding.found}. ${finding.remedy}`;
}

/** Whether nothing was refuted, and only the registry's silence stands between the evidence and a verdict (exit 3). */
export function isUnavailable(findings: readonly Finding[]): boolean {
  const refused = findings.filter((finding) => finding.severity === "refuse");
  return refused.length > 0 && refused.every((finding) => finding.code.startsWith("REGISTRY_"));
}

/** The refusal of a release, with every finding: nothing is provisioned from it. */
export function releaseRefused(resolved: string, policyName: string, findings: readonly Finding[]): Failure {
  const unavailable = isUnavailable(findings);
  return new Failure({
    code: unavailable ? "EVIDENCE_UNAVAILABLE" : "RELEASE_REFUSED",
    kind: unavailable ? "unavailable" : "refused",
    message: unavailable
      ? `The evidence for ${resolved} can't be read, so that it can't be verified.`
      : `${resolved} does not verify under policy "${policyName}".`,
    remedy: unavailable ? "Mend what each line says, then try again." : "Mend what each finding says; nothing was provisioned from it.",
    details: findings.map(describeFinding),
  });
}

/** The part of a stack's configuration that says what to verify, and how. */
export interface StackReleases {
  readonly policy: TrustPolicy;
  /** Path of trusted_root.json. */
  readonly trustedRoot: string;
  readonly releases: readonly {
    readonly image: string;
    readonly current: Digest;
    readonly retained: readonly Digest[];
  }[];
}

export interface VerifyReleasesContext {
  readonly client: RegistryClient;
  readonly checkout: string;
  readonly now: Date;
}

/** The releases of one image that may run: the current one, and what one may go back to. */
export interface Releases<R> {
  readonly current: R;
  readonly retained: readonly R[];
}

/** Verifies every release that a stack names, retained ones too; throws at the first that is refused. */
export async function verifyReleases(
  config: StackReleases,
  context: VerifyReleasesContext,
): Promise<Releases<VerifiedRelease>[]> {
  if (config.releases.length === 0) return [];
  const trustedRoot = readTrustedRootFile(config.trustedRoot, context.checkout);
  const verify = async (image: string, digest: Digest): Promise<VerifiedRelease> => {
    const { resolved, result } = await verifyImage(context.client, {
      reference: parseReference(formatDigestReference(image, digest)),
      policy: config.policy,
      trustedRoot,
      now: context.now,
    });
    if (!result.ok) throw releaseRefused(resolved, config.policy.name, result.findings);
    return result.proof;
  };
  const verified: Releases<VerifiedRelease>[] = [];
  for (const { image, current, retained } of config.releases) {
    const first = await verify(image, current);
    const others: VerifiedRelease[] = [];
    for (const digest of retained) others.push(await verify(image, digest));
    verified.push({ current: first, retained: others });
  }
  return verified;
}

/** The releases that a stack names, unproven, for an offline preview; unusable outside a dry run. */
export function planReleases(config: StackReleases): Releases<PlannedRelease>[] {
  const { name: policyName, environment } = config.policy;
  return config.releases.map(({ image, current, retained }) => {
    const plan = (digest: Digest): PlannedRelease =>
      new PlannedRelease({ repository: image, digest, policyName, environment });
    return { current: plan(current), retained: retained.map(plan) };
  });
}
