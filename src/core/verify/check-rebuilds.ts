import { buildTypes, predicateTypes } from "../intoto/statement.ts";
import type { Digest } from "../oci/digest.ts";
import { foldedOperator } from "../policy/policy-relations.ts";
import type { Rebuilder, TrustPolicy } from "../policy/trust-policy.ts";
import type { PlatformRelease, ReleaseManifest } from "../release/manifest.ts";
import type { PlatformRebuilds } from "../release/verified-release.ts";
import type { CertificateClaims } from "../sigstore/contract.ts";
import { checkIdentity } from "./check-identity.ts";
import { collectStatements } from "./collect-statements.ts";
import type { CollectedStatements, ReadStatement, SignedStatement } from "./collect-statements.ts";
import type { Evidence } from "./evidence.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked, Finding } from "./finding.ts";
import { judgeRebuild } from "./judge-rebuild.ts";

/** A rebuild that counts. */
export interface CountedRebuild extends SignedStatement {
  readonly kind: "rebuild";
  readonly rebuilder: Rebuilder;
}

export interface CheckedRebuilds {
  readonly statements: readonly CountedRebuild[];
  readonly platforms: readonly PlatformRebuilds[];
}

/**
 * Rule 6: per platform, as many distinct operators as the policy demands rebuilt the same inputs and got the same bytes. One
 * rebuilder who got other bytes vetoes, wherever that is seen; with `missing: refuse` all have to have spoken, so that nobody
 * can withhold a veto. Statements are read at each rebuilder's own location; a revoked rebuilder is not asked.
 */
export function checkRebuilds(
  evidence: Evidence,
  manifest: ReleaseManifest,
  read: ReadStatement,
  policy: TrustPolicy,
  now: Date,
): Checked<CheckedRebuilds> {
  const rebuilders = policy.rebuilds.rebuilders.filter(({ id }) => !policy.revoked.includes(id));
  if (rebuilders.length === 0 && policy.rebuilds.perPlatform === 0) return proven({ statements: [], platforms: [] });
  const heard = rebuilders.map((rebuilder) => ({
    rebuilder,
    collected: collectStatements(
      evidence.rebuilds?.get(rebuilder.id) ?? notCollected(manifest),
      manifest.platforms.map(({ digest }) => digest),
      read,
    ),
  }));
  const silent = heard.flatMap(({ collected }) =>
    collected.unanswered.map((finding): Checked<never> => ({ ok: false, findings: [finding] })),
  );
  const checked = all<unknown>(silent);
  const platforms = all(manifest.platforms.map((entry) => checkPlatform(entry, heard, manifest, policy, now)));
  if (!checked.ok || !platforms.ok) return all<unknown>([checked, platforms]) as Checked<never>;
  return proven({
    statements: platforms.proof.flatMap(({ statements }) => statements),
    platforms: platforms.proof.map(({ summary }) => summary),
  });
}

/** An operation that never asked a location knows nothing about it. */
function notCollected(manifest: ReleaseManifest): Evidence["referrers"] {
  const answer = { kind: "broken", detail: "its location was not asked" } as const;
  return new Map(manifest.platforms.map(({ digest }) => [digest, answer]));
}

interface Heard {
  readonly rebuilder: Rebuilder;
  readonly collected: CollectedStatements;
}

function checkPlatform(
  entry: PlatformRelease,
  heard: readonly Heard[],
  manifest: ReleaseManifest,
  policy: TrustPolicy,
  now: Date,
): Checked<{ readonly statements: readonly CountedRebuild[]; readonly summary: PlatformRebuilds }> {
  const { perPlatform, missing } = policy.rebuilds;
  const refusals: Checked<never>[] = [];
  const counted: CountedRebuild[] = [];
  const reasons: Finding[] = [];
  for (const { rebuilder, collected } of heard) {
    const own: Finding[] = [];
    let counts = false;
    for (const statement of rebuildsBy(rebuilder, entry.digest, collected, policy)) {
      const judged = judgeRebuild(statement, entry, manifest, policy, now);
      if (judged.kind === "refuses") refusals.push({ ok: false, findings: judged.findings });
      else if (judged.kind === "does not count") own.push(...judged.findings);
      else {
        counts = true;
        counted.push({ ...statement, kind: "rebuild", rebuilder });
      }
    }
    reasons.push(...own);
    if (!counts && missing === "refuse" && !collected.unread.has(entry.digest)) {
      refusals.push(rebuildMissing(rebuilder, entry));
    }
  }
  const rebuilders = summarised(counted);
  const operators = new Set(rebuilders.map(({ operator }) => foldedOperator(operator))).size;
  if (operators < perPlatform && heard.every(({ collected }) => !collected.unread.has(entry.digest))) {
    refusals.push(quorumMissed(entry, operators, perPlatform, heard));
  }
  const checked = all(refusals);
  if (!checked.ok) {
    // Why a rebuild did not count is told when it would have made the difference.
    const [first, ...rest] = checked.findings;
    return { ok: false, findings: [first, ...rest, ...reasons] };
  }
  const failureDomains = new Set(rebuilders.map(({ provider }) => provider)).size;
  const { platform, digest } = entry;
  const summary = { platform, digest, demanded: perPlatform, rebuilders, operators, failureDomains };
  return proven({ statements: counted, summary });
}

/** Each rebuilder once, however many of its statements count. */
function summarised(counted: readonly CountedRebuild[]): PlatformRebuilds["rebuilders"] {
  const byId = new Map(
    counted.map(({ rebuilder: { id, operator }, claims }) => [id, { id, operator, provider: providerOf(claims) }]),
  );
  return [...byId.values()];
}

/** Where it ran: whoever runs a provider's machines can make all rebuilds on them agree. */
function providerOf({ issuer, runnerEnvironment, sourceRepositoryOwnerId }: CertificateClaims): string {
  return runnerEnvironment === "self-hosted"
    ? `machines of owner ${sourceRepositoryOwnerId ?? "?"}`
    : `${issuer} (${runnerEnvironment ?? "?"})`;
}

/** Statements by this rebuilder that claim to be rebuilds of the platform; others at its location say nothing. */
function rebuildsBy(
  rebuilder: Rebuilder,
  digest: Digest,
  { signed }: CollectedStatements,
  { signers, rebuilds, revoked }: TrustPolicy,
): SignedStatement[] {
  const identity = { id: rebuilder.id, ...rebuilder.identity };
  const former = [...signers, ...rebuilds.rebuilders.map((other) => ({ id: other.id, ...other.identity }))].filter(
    ({ id }) => revoked.includes(id),
  );
  return signed.filter(
    (statement) =>
      statement.subject === digest &&
      statement.statement.predicateType === predicateTypes.provenance &&
      buildTypeOf(statement.statement.predicate) === buildTypes.nixOciRebuild &&
      checkIdentity(statement.claims, identity, `referrer ${statement.referrer}`).ok &&
      // Another id for the same identity does not undo a revocation.
      !former.some((one) => checkIdentity(statement.claims, one, "").ok),
  );
}

function buildTypeOf(predicate: unknown): unknown {
  if (typeof predicate !== "object" || predicate === null || !("buildDefinition" in predicate)) return undefined;
  const { buildDefinition } = predicate;
  if (typeof buildDefinition !== "object" || buildDefinition === null) return undefined;
  return "buildType" in buildDefinition ? buildDefinition.buildType : undefined;
}

function rebuildMissing({ id, operator, location }: Rebuilder, { platform, digest }: PlatformRelease): Checked<never> {
  return refuse("REBUILD_MISSING", {
    subject: `${platform} ${digest}`,
    expected: `a rebuild by "${id}" (${operator}) at ${location}: the policy wants to hear from every rebuilder`,
    found: "none that counts",
    remedy: "Wait for the rebuilder, or review whether it should still be listed.",
  });
}

function quorumMissed(
  { platform, digest }: PlatformRelease,
  found: number,
  demanded: number,
  heard: readonly Heard[],
): Checked<never> {
  const listed = heard.map(({ rebuilder: { id, location } }) => `"${id}" at ${location}`).join(", ");
  return refuse("REBUILD_QUORUM", {
    subject: `${platform} ${digest}`,
    expected: `rebuilds by ${demanded} distinct operators, of ${listed || "no rebuilder"}`,
    found: `${found}`,
    remedy: "Wait for more rebuilds (each is made with the rebuild command), or review rebuilds.perPlatform.",
  });
}
