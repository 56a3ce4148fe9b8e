import { gte } from "semver";
import { isInFuture } from "../clock-skew.ts";
import { durationMilliseconds } from "../duration.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { ReleaseManifest } from "../release/manifest.ts";
import type { CheckedImage } from "./check-image.ts";
import type { SignedStatement } from "./collect-statements.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";

export interface Freshness {
  readonly version: string;
  readonly signedAt: Date;
  /** The exception that made it pass, in words. */
  readonly exception?: string;
}

/**
 * Rule 8, version and age: not older than the policy's minimum, signed within `maxAge`. A rollback exception lets exactly one
 * digest pass in spite of both until it expires; nothing else is excused by it, a revocation least of all.
 */
export function checkFreshness(
  manifest: ReleaseManifest,
  signedAt: Date,
  policy: TrustPolicy,
  now: Date,
): Checked<Freshness> {
  const { minVersion, maxAge, rollback } = policy.freshness;
  const checks: Checked<null>[] = [];
  if (!gte(manifest.version, minVersion)) {
    checks.push(
      refuse("VERSION_TOO_OLD", {
        subject: manifest.digest,
        expected: `version ${minVersion} or later`,
        found: `version ${manifest.version}`,
        remedy: "Deploy a newer release, or lower freshness.minVersion with a review.",
      }),
    );
  }
  if (!(now.getTime() - signedAt.getTime() <= durationMilliseconds(maxAge))) {
    checks.push(
      refuse("RELEASE_TOO_OLD", {
        subject: manifest.digest,
        expected: `signed at most ${maxAge} ago`,
        found: `signed ${signedAt.toISOString()}`,
        remedy: "Rebuild and sign the release again, or review freshness.maxAge.",
      }),
    );
  }
  const checked = all(checks);
  const fresh = { version: manifest.version, signedAt };
  if (checked.ok) return proven(fresh);
  if (rollback?.digest !== manifest.digest) return checked;
  if (now.getTime() < Date.parse(rollback.expires)) {
    const { reason, approvedBy, expires } = rollback;
    const excused = checked.findings.map(({ code }) => code).join(", ");
    const exception = `rollback until ${expires}, approved by ${approvedBy} (${reason}), in spite of ${excused}`;
    return proven({ ...fresh, exception });
  }
  const expired = refuse("ROLLBACK_EXPIRED", {
    subject: manifest.digest,
    expected: "a rollback exception that has not ended",
    found: `ended ${rollback.expires}`,
    remedy: "Deploy a newer release, or approve a new exception in freshness.rollback.",
  });
  return all<never>([checked, expired]) as Checked<never>;
}

/** No trusted time of a statement lies after `now`: with a clock that is late, any release looks fresh. */
export function checkNotInFuture(statement: SignedStatement, now: Date): Checked<null> {
  if (!isInFuture(statement.lastStampedAt, now)) return proven(null);
  return refuse("BUNDLE_TIME_INVALID", {
    subject: `referrer ${statement.referrer}`,
    expected: `a signature made before ${now.toISOString()}`,
    found: `signed ${statement.lastStampedAt.toISOString()}`,
    remedy: "Compare this machine's clock with another's: with a clock that is late, any release looks fresh.",
  });
}

/** Rule 8, revocation: no digest of the release is listed as revoked. */
export function checkRevocation(image: CheckedImage, policy: TrustPolicy): Checked<null> {
  const digests = [image.digest, ...image.platforms.values()];
  const revoked = digests.filter((digest) => policy.revoked.includes(digest));
  const checked = all(
    revoked.map((digest) =>
      refuse("REVOKED", {
        subject: image.digest,
        expected: "no digest that the policy revoked",
        found: digest,
        remedy: "Deploy another release: this one was revoked in the policy.",
      }),
    ),
  );
  return checked.ok ? proven(null) : checked;
}
