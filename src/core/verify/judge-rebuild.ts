import { rebuildFacts, rebuildPredicateSchema, rebuiltMeasurementsInWords } from "../intoto/rebuild-predicate.ts";
import type { RebuildFacts } from "../intoto/rebuild-predicate.ts";
import { buildTypes } from "../intoto/statement.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { measurementsInWords } from "../release/manifest.ts";
import type { PlatformRelease, ReleaseManifest } from "../release/manifest.ts";
import { safeParse } from "../safe-parse.ts";
import { checkNotInFuture } from "./check-freshness.ts";
import type { SignedStatement } from "./collect-statements.ts";
import { refuse } from "./finding.ts";
import type { Finding } from "./finding.ts";

/** What one statement is: it counts, it does not (and why), or it refuses. */
export type Judged =
  | { readonly kind: "counts" }
  | { readonly kind: "does not count"; readonly findings: readonly Finding[] }
  | { readonly kind: "refuses"; readonly findings: readonly [Finding, ...Finding[]] };

/** What one statement of a listed rebuilder says about a platform of the release (rule 6). */
export function judgeRebuild(
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
  const measured = judgeMeasurements(facts, manifest, subject);
  if (measured !== undefined) return measured;
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

/**
 * A signer's release: what its disk measures has to come out of the rebuild, too. Else its manifest's signer alone would say which
 * machine signs. Undefined where there is nothing against it.
 */
function judgeMeasurements(
  facts: RebuildFacts,
  { measurements }: ReleaseManifest,
  subject: string,
): Judged | undefined {
  if (measurements !== undefined && facts.measurements === undefined) {
    return doesNotCount("REBUILD_UNMEASURED", {
      subject,
      expected: "what the rebuilt disk measures, as the manifest says it of the released one",
      found: "nothing of it",
      remedy: "Have the rebuilder rebuild the signer's release with this version of the rebuild command.",
    });
  }
  const released = measurementsInWords(measurements);
  const rebuilt = rebuiltMeasurementsInWords(facts.measurements);
  if (measurements !== undefined && rebuilt !== released) {
    return refuses("REBUILD_MISMATCH", {
      subject,
      expected: released ?? "none",
      found: rebuilt ?? "none",
      remedy: "Do not use this release: its manifest says other measurements than its disk has (measure-signer).",
    });
  }
  return undefined;
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
