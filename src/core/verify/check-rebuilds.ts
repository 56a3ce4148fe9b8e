import { rebuildFacts, rebuildPredicateSchema } from "../intoto/rebuild-predicate.ts";
import type { RebuildFacts } from "../intoto/rebuild-predicate.ts";
import { buildTypes, predicateTypes } from "../intoto/statement.ts";
import type { Digest } from "../oci/digest.ts";
import { foldedOperator } from "../policy/policy-relations.ts";
import type { Rebuilder, TrustPolicy } from "../policy/trust-policy.ts";
import type { PlatformRelease, ReleaseManifest } from "../release/manifest.ts";
import type { PlatformRebuilds } from "../release/verified-release.ts";
import { safeParse } from "../safe-parse.ts";
import type { CertificateClaims } from "../sigstore/contract.ts";
import { checkNotInFuture } from "./check-freshness.ts";
import { checkIdentity } from "./check-identity.ts";
import { collectStatements } from "./collect-statements.ts";
import type { CollectedStatements, ReadStatement, SignedStatement } from "./collect-statements.ts";
import type { Evidence } from "./evidence.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked, Finding } from "./finding.ts";

/** A rebuild that counts. */
export interface CountedRebuild extends SignedStatement {
  readonly kind: "rebuild";
  readonly rebuilder: Rebuilder;
}

export interface CheckedRebuilds {
  readonly statements: readonly CountedRebuild[];
  readonly platforms: readonly PlatformRebuilds[];
}

/** What one statement is: it counts, it does not (and why), or it refuses. */
type Judged =
  | { readonly kind: "counts" }
  | { readonly kind: "does not count"; readonly findings: readonly Finding[] }
  | { readonly kind: "refuses"; readonly findings: readonly [Finding, ...Finding[]] };

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
      const judged = judge(statement, entry, manifest, policy, now);
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

function judge(
  statement: SignedStatement,
  entry: PlatformRelease,
  manifest: ReleaseManifest,
  policy: TrustPolicy,
  now: Date,
): Judged {
  const subject = `rebuild ${statement.referrer} of ${entry.platform}`;
  const { claims } = statement;
  const predicate = safeParse(rebuildPredicateSchema, statement.statement.predicate);
  if (!predicate.success) {
    // A listed rebuilder's statement that can't be read may be the one that vetoes.
    return refuses("REBUILD_INVALID", {
      subject,
      expected: `a rebuild statement (${buildTypes.nixOciRebuild})`,
      found: predicate.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "),
      remedy: "Have the rebuilder publish its statement again with the rebuild command.",
    });
  }
  const facts = rebuildFacts(predicate.data);
  const asked = predicate.data.buildDefinition.externalParameters.flake;
  if (asked.repository !== facts.flake.repository || asked.commit !== facts.flake.commit) {
    return refuses("REBUILD_INVALID", {
      subject,
      expected: `one flake: ${asked.repository} at ${asked.commit} (externalParameters)`,
      found: `${facts.flake.repository} at ${facts.flake.commit} (resolvedDependencies)`,
      remedy: "Have the rebuilder publish its statement again with the rebuild command.",
    });
  }
  const future = checkNotInFuture(statement, now);
  if (!future.ok) return { kind: "refuses", findings: future.findings };
  if (policy.signers.some(({ ownerId }) => ownerId === claims.sourceRepositoryOwnerId)) {
    return refuses("REBUILD_NOT_INDEPENDENT", {
      subject,
      expected: "a rebuilder whose owner owns no signer",
      found: `owner ${claims.sourceRepositoryOwnerId ?? "?"}, who owns a signer, too`,
      remedy: "Name rebuilders that other organizations own.",
    });
  }
  const run = facts.invocationId ?? claims.runInvocationUri;
  if (facts.builderId !== claims.buildSignerUri || run !== claims.runInvocationUri) {
    return refuses("REBUILD_BUILDER_MISMATCH", {
      subject,
      expected: `${claims.buildSignerUri ?? "absent"} (certificate .9), run ${claims.runInvocationUri ?? "absent"} (.21)`,
      found: `${facts.builderId}, run ${run ?? "absent"}`,
      remedy: "Ask the rebuilder what happened; its statement does not tell the truth about who built.",
    });
  }
  const other = otherInputs(facts, entry, manifest);
  if (other.length > 0) {
    return doesNotCount("REBUILD_OTHER_INPUTS", {
      subject,
      expected: other.map(({ what, expected }) => `${what} ${expected}`).join(", "),
      found: other.map(({ what, found }) => `${what} ${found}`).join(", "),
      remedy: "Have the rebuilder rebuild exactly this release with the rebuild command.",
    });
  }
  if (facts.digest !== entry.digest || facts.narHash !== entry.narHash || facts.storePath !== entry.storePath) {
    return refuses("REBUILD_MISMATCH", {
      subject,
      expected: `${entry.digest}, NAR ${entry.narHash}, ${entry.storePath}`,
      found: `${facts.digest}, NAR ${facts.narHash}, ${facts.storePath}`,
      remedy: "Do not use this release until the difference is explained: compare both builds with repro-check.",
    });
  }
  if (facts.substituted.length > 0) {
    return doesNotCount("REBUILD_SUBSTITUTED", {
      subject,
      expected: "nothing but nixpkgs' public cache and what was built there",
      found: `${facts.substituted.length} paths from elsewhere, ${facts.substituted[0] ?? ""} among them`,
      remedy: "Have the rebuilder build again without the project's cache.",
    });
  }
  return { kind: "counts" };
}

/** In what a rebuild's inputs differ from the release's: such a rebuild says nothing about it, in either direction. */
function otherInputs(
  facts: RebuildFacts,
  entry: PlatformRelease,
  { flake, source }: ReleaseManifest,
): { what: string; expected: string; found: string }[] {
  const compared = [
    { what: "platform", expected: entry.platform, found: facts.platform },
    {
      what: "flake",
      expected: `${flake.repository} at ${flake.commit}`,
      found: `${facts.flake.repository} at ${facts.flake.commit}`,
    },
    { what: "lock", expected: flake.lock, found: facts.flake.lock },
    {
      what: "source",
      expected: `${source.repository} at ${source.commit}`,
      found: `${facts.source.repository} at ${facts.source.commit}`,
    },
    { what: "source NAR", expected: source.narHash, found: facts.source.narHash },
    // Where the manifest names no derivation (environment local alone), the output's path stands for it; else it is a result.
    entry.derivation === undefined
      ? { what: "store path", expected: entry.storePath, found: facts.storePath }
      : { what: "derivation", expected: entry.derivation, found: facts.derivation },
  ];
  return compared.filter(({ expected, found }) => expected !== found);
}

type Detail = Parameters<typeof refuse>[1];

function refuses(code: Parameters<typeof refuse>[0], detail: Detail): Judged {
  return { kind: "refuses", findings: refuse(code, detail).findings };
}

function doesNotCount(code: Parameters<typeof refuse>[0], detail: Detail): Judged {
  return { kind: "does not count", findings: refuse(code, detail).findings };
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
