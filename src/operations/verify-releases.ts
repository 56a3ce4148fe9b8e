import type { RegistryClient } from "../adapters/registry/client.ts";
import type { ImageRelease } from "../core/compile/validating-admission-policy/image-list.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import { policyDigest } from "../core/policy/policy-digest.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import { formatDigestReference, parseDigestReference } from "../core/release/reference.ts";
import { PlannedRelease } from "../core/release/verified-release.ts";
import type { UsableRelease, VerifiedRelease } from "../core/release/verified-release.ts";
import type { Finding } from "../core/verify/finding.ts";
import { openTeeEvidence } from "./open-tee-evidence.ts";
import type { TeeTerms } from "./open-tee-evidence.ts";
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
    remedy: unavailable
      ? "Mend what each line says, then try again."
      : "Mend what each finding says; nothing was provisioned from it.",
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
  /** Where the signer's release lies, for a policy with `tee`: verified first, under its own policy. */
  readonly signerRelease?:
    { readonly image: string; readonly policy: TrustPolicy; readonly trustedRoot?: string | undefined } | undefined;
}

export interface VerifyReleasesContext {
  readonly client: RegistryClient;
  readonly checkout: string;
  readonly now: Date;
  /** The root certificate of a lab's simulated platform, for a policy with `tee` in environment local. */
  readonly quoteRoot?: Uint8Array | undefined;
}

/** The releases of one image that may run: the current one, and what one may go back to. */
export interface Releases<R> {
  readonly current: R;
  readonly retained: readonly R[];
}

/** What a list of admitted images takes of an image's releases; `running`: digests that its pods name now. */
export function imageReleaseOf(
  { current, retained }: Releases<UsableRelease>,
  running: readonly Digest[],
): ImageRelease {
  return {
    repository: current.data.repository,
    current: current.data.digest,
    retained: retained.map(({ data }) => data.digest),
    running,
  };
}

/**
 * Verifies every release that a stack names, retained ones too. What is refused is told all at once. A retained digest
 * that the policy revoked is left out, as that is what revoking is for; a revoked current one is refused.
 */
export async function verifyReleases(
  config: StackReleases,
  context: VerifyReleasesContext,
): Promise<Releases<VerifiedRelease>[]> {
  if (config.releases.length === 0) return [];
  const trustedRoot = readTrustedRootFile(config.trustedRoot, context.checkout);
  const terms = { policy: config.policy, trustedRoot, now: context.now };
  const tee = await openTeeEvidence(context.client, { ...terms, tee: teeTermsOf(config, context) });
  const refusals: Failure[] = [];
  const verify = async (image: string, digest: Digest): Promise<VerifiedRelease | undefined> => {
    const { resolved, result } = await verifyImage(context.client, {
      reference: parseDigestReference(formatDigestReference(image, digest)),
      ...terms,
      tee,
    });
    if (result.ok) return result.proof;
    refusals.push(releaseRefused(resolved, config.policy.name, result.findings));
    return undefined;
  };
  const verified: Releases<VerifiedRelease>[] = [];
  for (const { image, current, retained } of config.releases) {
    const first = await verify(image, current);
    const others: VerifiedRelease[] = [];
    for (const digest of retained.filter((each) => !config.policy.revoked.includes(each))) {
      const other = await verify(image, digest);
      if (other !== undefined) others.push(other);
    }
    if (first !== undefined) verified.push({ current: first, retained: others });
  }
  const [only, ...more] = refusals;
  if (only === undefined) return verified;
  throw more.length === 0 ? only : allRefused(refusals, config.policy.name);
}

/** What a stack says of the signer whose signatures its policy's `tee` demands. */
export function teeTermsOf(
  { signerRelease }: Pick<StackReleases, "signerRelease">,
  { checkout, quoteRoot }: Pick<VerifyReleasesContext, "checkout" | "quoteRoot">,
): TeeTerms {
  const root = quoteRoot === undefined ? {} : { quoteRoot };
  if (signerRelease === undefined) return root;
  const { image, policy, trustedRoot } = signerRelease;
  const own = trustedRoot === undefined ? {} : { trustedRoot: readTrustedRootFile(trustedRoot, checkout) };
  return { signer: { image, policy, ...own }, ...root };
}

function allRefused(refusals: readonly Failure[], policyName: string): Failure {
  const refused = refusals.find((failure) => failure.kind === "refused") ?? refusals[0];
  return new Failure({
    code: refused?.code ?? "RELEASE_REFUSED",
    kind: refused?.kind ?? "refused",
    message: `${refusals.length} releases do not verify under policy "${policyName}".`,
    remedy: "Mend what each finding says; nothing was provisioned from them.",
    details: refusals.flatMap((failure) => [failure.message, ...failure.details]),
  });
}

/** The releases that a stack names, unproven, for an offline preview; unusable outside a dry run. */
export function planReleases(config: StackReleases): Releases<PlannedRelease>[] {
  const { name: policyName, environment } = config.policy;
  return config.releases.map(({ image, current, retained }) => {
    const plan = (digest: Digest): PlannedRelease =>
      new PlannedRelease({
        repository: image,
        digest,
        policyName,
        policyDigest: policyDigest(config.policy),
        environment,
      });
    return { current: plan(current), retained: retained.map(plan) };
  });
}
