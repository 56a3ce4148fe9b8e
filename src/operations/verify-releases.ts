import type { RegistryClient } from "../adapters/registry/client.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { parseReference } from "../core/release/reference.ts";
import { PlannedRelease } from "../core/release/verified-release.ts";
import type { VerifiedRelease } from "../core/release/verified-release.ts";
import type { Finding } from "../core/verify/finding.ts";
import { readTrustedRootFile } from "./read-trusted-root.ts";
import { verifyImage } from "./verify-image.ts";

/** A finding as one readable line. */
export function describeFinding(finding: Finding): string {
  return `${finding.code} on ${finding.subject}: expected ${finding.expected}; found ${finding.found}. ${finding.remedy}`;
}

/** The refusal of a release, with every finding: nothing is provisioned from it. */
export function releaseRefused(resolved: string, policyName: string, findings: readonly Finding[]): Failure {
  const refused = findings.filter((finding) => finding.severity === "refuse");
  const unavailable = refused.length > 0 && refused.every((finding) => finding.code.startsWith("REGISTRY_"));
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
  readonly releases: readonly { readonly image: string; readonly current: Digest }[];
}

export interface VerifyReleasesContext {
  readonly client: RegistryClient;
  readonly checkout: string;
  readonly now: Date;
}

/** Verifies the current release of each image that a stack names, in order; throws at the first that is refused. */
export async function verifyReleases(config: StackReleases, context: VerifyReleasesContext): Promise<VerifiedRelease[]> {
  const verified: VerifiedRelease[] = [];
  if (config.releases.length === 0) return verified;
  const trustedRoot = readTrustedRootFile(config.trustedRoot, context.checkout);
  for (const release of config.releases) {
    const { resolved, result } = await verifyImage(context.client, {
      reference: parseReference(`${release.image}@${release.current}`),
      policy: config.policy,
      trustedRoot,
      now: context.now,
    });
    if (!result.ok) throw releaseRefused(resolved, config.policy.name, result.findings);
    verified.push(result.proof);
  }
  return verified;
}

/** The releases that a stack names, unproven, for an offline preview; unusable outside a dry run. */
export function planReleases(config: StackReleases): PlannedRelease[] {
  return config.releases.map(
    (release) =>
      new PlannedRelease({
        repository: release.image,
        digest: release.current,
        policyName: config.policy.name,
        environment: config.policy.environment,
      }),
  );
}
