import { isInFuture } from "../clock-skew.ts";
import { durationMilliseconds } from "../duration.ts";
import { scanPredicateSchema, severities } from "../intoto/scan-predicate.ts";
import type { ScanPredicate } from "../intoto/scan-predicate.ts";
import { predicateTypes } from "../intoto/statement.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { PlatformRelease } from "../release/manifest.ts";
import { safeParse } from "../safe-parse.ts";
import { checkNotInFuture } from "./check-freshness.ts";
import type { CollectedStatements } from "./collect-statements.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked, Finding } from "./finding.ts";
import { statementsBy } from "./required-statements.ts";
import type { TrustedStatement } from "./required-statements.ts";

type Demand = NonNullable<TrustPolicy["vulnerabilities"]>;
type Vulnerability = ScanPredicate["vulnerabilities"][number];

export interface CheckedScan {
  /** The newest scans; empty when the policy demands none. */
  readonly statements: readonly TrustedStatement[];
  /** What VEX statements excused, in words. */
  readonly exceptions: readonly string[];
}

/** Vulnerabilities that one finding or exception names. */
const mostNamed = 20;

/**
 * Rule 8, vulnerabilities: the newest scan of a platform by a listed signer decides. Older ones are superseded, as databases
 * grow; scans are made again and again, so they need not come from the run that built the release.
 */
export function checkScans(
  platform: PlatformRelease,
  collected: CollectedStatements,
  policy: TrustPolicy,
  now: Date,
): Checked<CheckedScan> {
  const demand = policy.vulnerabilities;
  if (demand === undefined) return proven({ statements: [], exceptions: [] });
  const signers = policy.signers.filter(({ id }) => demand.signers.includes(id));
  const sought = { kind: "scan", types: [predicateTypes.scan], subject: platform.digest } as const;
  const scans = statementsBy(signers, sought, collected, policy);
  if (!scans.ok) return scans;
  const newest = Math.max(...scans.proof.map(secondOf));
  // Of the same second none is newer: all of them have to pass.
  const deciding = scans.proof.filter((scan) => secondOf(scan) === newest);
  const checked = all(deciding.map((statement) => checkScan(statement, platform, demand, now)));
  return checked.ok ? proven({ statements: deciding, exceptions: checked.proof.flat() }) : checked;
}

/**
 * When a scan was made, in whole seconds: no later than what it knew, so that an old result that is signed again hides nothing.
 * One that can't be read is as new as its signature.
 */
function secondOf({ signedAt, statement }: TrustedStatement): number {
  const parsed = safeParse(scanPredicateSchema, statement.predicate);
  const times = parsed.success ? [parsed.data.finished, parsed.data.database.updated].map(Date.parse) : [];
  return Math.floor(Math.min(signedAt.getTime(), ...times) / 1000);
}

function checkScan(
  statement: TrustedStatement,
  platform: PlatformRelease,
  demand: Demand,
  now: Date,
): Checked<readonly string[]> {
  const subject = `scan ${statement.referrer}`;
  const parsed = safeParse(scanPredicateSchema, statement.statement.predicate);
  const invalid = (found: string): Checked<never> =>
    refuse("SCAN_INVALID", {
      subject,
      expected: `a scan statement (${predicateTypes.scan})`,
      found,
      remedy: "Scan the release again and attach the result with attest-image.",
    });
  if (!parsed.success) {
    return invalid(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
  }
  const scan = parsed.data;
  const times = [scan.database.updated, scan.finished].map((text) => new Date(text));
  if (times.some((time) => isInFuture(time, now))) return invalid("a time in the future");
  const checks: Checked<unknown>[] = [checkNotInFuture(statement, now)];
  if (scan.sbom !== platform.sbom) {
    checks.push(
      refuse("SCAN_OTHER_SBOM", {
        subject,
        expected: `a scan of ${platform.sbom} (manifest, ${platform.platform})`,
        found: scan.sbom,
        remedy: "Scan the SBOM that the release manifest names.",
      }),
    );
  }
  // The oldest of the three: a scan is no newer than what it knew.
  const oldest = Math.min(statement.signedAt.getTime(), ...times.map((time) => time.getTime()));
  if (!(now.getTime() - oldest <= durationMilliseconds(demand.maxAge))) {
    checks.push(
      refuse("SCAN_TOO_OLD", {
        subject,
        expected: `a scan, and a database, of at most ${demand.maxAge} ago`,
        found: `scanned ${scan.finished} with a database of ${scan.database.updated}, signed ${statement.signedAt.toISOString()}`,
        remedy: "Scan the release again with a current database and attach the result with attest-image.",
      }),
    );
  }
  const severe = scan.vulnerabilities.filter(({ severity }) => isSevere(severity, demand.refuse));
  const excused = severe.filter((found) => isExcused(found, demand.vex));
  const left = severe.filter((found) => !excused.includes(found));
  if (left.length > 0) checks.push({ ok: false, findings: [refusal(subject, platform, left, demand)] });
  const checked = all(checks);
  if (!checked.ok) return checked;
  return proven(excused.slice(0, mostNamed).map((found) => `${platform.platform}: ${named(found)}, ${excuse(found)}`));
}

/** Unrated counts as critical: what nobody rated is not harmless. */
function isSevere(severity: Vulnerability["severity"], least: Demand["refuse"]): boolean {
  return severity === "unknown" || severities.indexOf(severity) >= severities.indexOf(least);
}

/** OpenVEX: `not_affected` without a justification says nothing. */
function isExcused({ vex }: Vulnerability, mode: Demand["vex"]): boolean {
  if (mode !== "honour" || vex === undefined) return false;
  return vex.status === "fixed" || (vex.status === "not_affected" && vex.justification !== undefined);
}

function refusal(subject: string, platform: PlatformRelease, found: readonly Vulnerability[], demand: Demand): Finding {
  const shown = found.slice(0, mostNamed).map(named).join(", ");
  const more = found.length - mostNamed;
  return refuse("VULNERABILITY_REFUSED", {
    subject,
    expected: `no vulnerability of ${platform.platform} rated ${demand.refuse} or higher`,
    found: more > 0 ? `${shown} and ${more} more` : shown,
    remedy:
      demand.vex === "honour"
        ? "Deploy a release without them, or attach a scan whose VEX statements say why they do not apply."
        : "Deploy a release without them; the policy does not take VEX statements (vulnerabilities.vex).",
  }).findings[0];
}

function named({ id, severity, package: name, version }: Vulnerability): string {
  return `${id} (${severity}) in ${name}${version === undefined ? "" : ` ${version}`}`;
}

function excuse({ vex }: Vulnerability): string {
  return `excused by VEX: ${vex?.status ?? "?"}${vex?.justification === undefined ? "" : `, ${vex.justification}`}`;
}
