import type { Digest } from "../oci/digest.ts";
import { policyDigest } from "../policy/policy-digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { TrustedRootMaterial } from "../sigstore/trusted-root.ts";
import type { ReleaseManifest } from "../release/manifest.ts";
import { mintVerifiedRelease } from "../release/verified-release.ts";
import type { PlatformRebuilds, ProvenStatement, ProvenTee, VerifiedRelease } from "../release/verified-release.ts";
import { checkFreshness, checkNotInFuture, checkRevocation } from "./check-freshness.ts";
import { checkImage } from "./check-image.ts";
import type { CheckedImage } from "./check-image.ts";
import { checkManifest } from "./check-manifest.ts";
import { checkNars } from "./check-nar.ts";
import { checkProvenance } from "./check-provenance.ts";
import { checkRebuilds } from "./check-rebuilds.ts";
import type { CountedRebuild } from "./check-rebuilds.ts";
import { checkRoot } from "./check-root.ts";
import { checkSbom } from "./check-sbom.ts";
import { checkScans } from "./check-scans.ts";
import type { CheckedScan } from "./check-scans.ts";
import { checkSource } from "./check-source.ts";
import { checkSupport } from "./check-support.ts";
import { checkTee } from "./check-tee.ts";
import { checkThirdParty } from "./check-third-party.ts";
import { collectLegacySignatures } from "./collect-legacy-signatures.ts";
import { collectStatements, joined, statementReader } from "./collect-statements.ts";
import type { CollectedStatements } from "./collect-statements.ts";
import type { Evidence } from "./evidence.ts";
import { all, proven, refuse, skipped } from "./finding.ts";
import type { Checked } from "./finding.ts";
import { legibleFindings } from "./legible-findings.ts";
import { requiredStatements } from "./required-statements.ts";
import type { TrustedStatement } from "./required-statements.ts";

function proof(statement: TrustedStatement | CountedRebuild): ProvenStatement {
  return {
    kind: statement.kind,
    subject: statement.subject,
    referrer: statement.referrer,
    predicateType: statement.statement.predicateType,
    signer: statement.kind === "rebuild" ? statement.rebuilder.id : statement.signer.id,
    identity: statement.claims.subjectAlternativeName,
    signedAt: statement.signedAt.toISOString(),
    logs: statement.logs,
    ...(statement.legacy === undefined ? {} : { legacy: true }),
  };
}

/** Every statement of a kind must pass every check, not one of them. */
function every(
  statements: Checked<readonly TrustedStatement[]>,
  ...checks: readonly ((statement: TrustedStatement) => Checked<unknown>)[]
): Checked<readonly TrustedStatement[]> {
  if (!statements.ok) return statements;
  const checked = all(statements.proof.flatMap((statement) => checks.map((check) => check(statement))));
  return checked.ok ? statements : checked;
}

interface PlatformInput {
  readonly platform: string;
  readonly digest: Digest;
  readonly manifest: Checked<ReleaseManifest>;
  readonly collected: CollectedStatements;
  readonly policy: TrustPolicy;
  readonly now: Date;
}

interface CheckedPlatform {
  readonly statements: readonly TrustedStatement[];
  readonly exceptions: readonly string[];
}

/** Provenance, SBOM and scans of one platform, against the manifest; skipped with a word when there is no valid manifest. */
function checkPlatform(input: PlatformInput): Checked<CheckedPlatform> {
  const { platform, digest, manifest, collected, policy, now } = input;
  const provenance = requiredStatements("provenance", digest, collected, policy);
  const sbom = requiredStatements("sbom", digest, collected, policy);
  if (!manifest.ok) {
    const dependent = skipped(`provenance and SBOM of ${platform}`, "a valid release manifest");
    return all<unknown>([provenance, sbom, dependent]) as Checked<never>;
  }
  const release = manifest.proof;
  const entry = release.platforms.find((candidate) => candidate.platform === platform);
  const general = [
    (statement: TrustedStatement) => checkSource(statement, release),
    (statement: TrustedStatement) => checkNotInFuture(statement, now),
  ];
  const both = all([
    every(provenance, ...general, (statement) => checkProvenance(statement, platform, release, policy)),
    entry === undefined
      ? skipped(`SBOM of ${platform}`, "a manifest entry of this platform")
      : every(sbom, ...general, (statement) => checkSbom(statement, entry, policy)),
  ]);
  const scans: Checked<CheckedScan> =
    entry === undefined
      ? skipped(`scans of ${platform}`, "a manifest entry of this platform")
      : checkScans(entry, collected, policy, now);
  if (!both.ok || !scans.ok) return all<unknown>([both, scans]) as Checked<never>;
  const { statements, exceptions } = scans.proof;
  return proven({ statements: [...both.proof.flat(), ...statements], exceptions });
}

interface StatementsInput {
  readonly evidence: Evidence;
  readonly image: CheckedImage;
  readonly root: TrustedRootMaterial;
  readonly policy: TrustPolicy;
  readonly now: Date;
}

interface CheckedStatements {
  readonly manifest: ReleaseManifest;
  readonly statements: readonly (TrustedStatement | CountedRebuild)[];
  readonly rebuilds: readonly PlatformRebuilds[];
  readonly tee: ProvenTee | undefined;
  readonly recomputed: readonly string[];
  readonly exceptions: readonly string[];
}

function checkStatements({ evidence, image, root, policy, now }: StatementsInput): Checked<CheckedStatements> {
  const read = statementReader(root, policy);
  const collected = joined(
    collectStatements(evidence.referrers, [evidence.digest, ...image.platforms.values()], read),
    collectLegacySignatures(evidence, root, policy),
  );
  const signatures = requiredStatements("signature", evidence.digest, collected, policy);
  const manifests = requiredStatements("manifest", evidence.digest, collected, policy);
  const manifest = manifests.ok ? checkManifest(manifests.proof, image, policy) : manifests;
  const platforms = [...image.platforms].map(([platform, digest]) =>
    checkPlatform({ platform, digest, manifest, collected, policy, now }),
  );
  // The earliest manifest signature counts: signing again must not make an old release look fresh.
  const signedAt = manifests.ok
    ? manifests.proof.map((statement) => statement.signedAt).sort((a, b) => a.getTime() - b.getTime())[0]
    : undefined;
  const fresh =
    manifest.ok && signedAt !== undefined
      ? checkFreshness(manifest.proof, signedAt, policy, now)
      : skipped("freshness", "a valid release manifest");
  const general = (release: ReleaseManifest) => [
    (statement: TrustedStatement) => checkSource(statement, release),
    (statement: TrustedStatement) => checkNotInFuture(statement, now),
  ];
  const [rebuilds, nars] = manifest.ok
    ? [checkRebuilds(evidence, manifest.proof, read, policy, now), checkNars(evidence, manifest.proof)]
    : [skipped("rebuilds", "a valid release manifest"), skipped("NAR hashes", "a valid release manifest")];
  const ofIndex = manifest.ok
    ? [every(signatures, ...general(manifest.proof)), every(manifests, ...general(manifest.proof))]
    : [signatures, manifest];
  const silent: Checked<never>[] = collected.unanswered.map((finding) => ({ ok: false, findings: [finding] }));
  // What refutes the release comes before what could not be read, so that no flood of the latter can hide it.
  const revocation = checkRevocation(image, policy);
  // What nobody asked for is not told as skipped.
  const demanded = [
    ...(manifest.ok || policy.rebuilds.rebuilders.length > 0 ? [rebuilds] : []),
    ...(manifest.ok || evidence.nars !== undefined ? [nars] : []),
  ];
  const tee = checkTee(evidence, root, policy, now);
  const checked = all<unknown>([revocation, ...ofIndex, ...platforms, ...demanded, tee, fresh, ...silent]);
  if (!checked.ok) return checked;
  const ofPlatforms = all(platforms);
  if (!manifest.ok || !signatures.ok || !manifests.ok || !ofPlatforms.ok || !rebuilds.ok || !nars.ok) {
    return skipped("release", "its statements");
  }
  if (!tee.ok || !fresh.ok) {
    return skipped("release", "its statements");
  }
  const { exception } = fresh.proof;
  return proven({
    manifest: manifest.proof,
    statements: [
      ...signatures.proof,
      ...manifests.proof,
      ...ofPlatforms.proof.flatMap(({ statements }) => statements),
      ...rebuilds.proof.statements,
    ],
    rebuilds: rebuilds.proof.platforms,
    tee: tee.proof,
    recomputed: nars.proof,
    exceptions: [
      ...(exception === undefined ? [] : [exception]),
      ...ofPlatforms.proof.flatMap(({ exceptions }) => exceptions),
    ],
  });
}

/**
 * Decides whether the evidence proves, under the policy and at the given time, that this release is what the policy
 * trusts. Pure: no I/O, no clock. All independent checks run; success is a VerifiedRelease, failure every finding.
 * The rules are those of docs/architecture.md: 1 to 9.
 */
export function verifyRelease(evidence: Evidence, policy: TrustPolicy, now: Date): Checked<VerifiedRelease> {
  if (Number.isNaN(now.getTime())) {
    return refuse("BUNDLE_TIME_INVALID", {
      subject: "the time of verification",
      expected: "a valid date",
      found: "none",
      remedy: "Give the time at which to verify: without one, no age and no window can be judged.",
    });
  }
  const { repository } = evidence;
  const ours = policy.images.some((image) => image.repository === repository || image.mirrors.includes(repository));
  const waiver = ours ? undefined : checkThirdParty(evidence, policy, now);
  if (waiver !== undefined) return legibleFindings(waiver);
  const support = checkSupport(policy);
  const root = checkRoot(evidence.trustedRoot, policy, now);
  const image = checkImage(evidence, policy);
  const statements =
    root.ok && image.ok
      ? checkStatements({ evidence, image: image.proof, root: root.proof, policy, now })
      : skipped("signature, manifest, provenance and SBOM", root.ok ? "a valid image index" : "a valid trusted root");
  const checked = all<unknown>([support, root, image, statements]);
  if (!checked.ok) return legibleFindings(checked);
  if (!statements.ok) return legibleFindings(statements);
  const { manifest, rebuilds, tee, recomputed, exceptions } = statements.proof;
  return proven(
    mintVerifiedRelease({
      repository: evidence.repository,
      digest: evidence.digest,
      manifest,
      policyName: policy.name,
      policyDigest: policyDigest(policy),
      environment: policy.environment,
      statements: statements.proof.statements.map(proof),
      rebuilds,
      ...(tee === undefined ? {} : { tee }),
      recomputed,
      exceptions,
      claimed: manifest.platforms
        .filter(({ platform }) => !recomputed.includes(platform))
        .map(
          ({ platform }) =>
            `NAR hash of ${platform}: bound by the signed manifest, not recomputed from the registry's blobs`,
        ),
    }),
  );
}
