import type { FindingCode } from "./finding.ts";
import type { FindingMeaning } from "./finding-meaning.ts";

/** The codes of rules 6 (rebuilds) and 8 (version, age, revocation, scans, images of others). */
export const ruleSixToEightMeanings = {
  REBUILD_INVALID: {
    meaning: "A rebuilder's statement is not a rebuild statement as its build type demands.",
    remedy: "Have the rebuilder publish its statement again with the rebuild command.",
  },
  REBUILD_BUILDER_MISMATCH: {
    meaning: "A rebuild statement names another builder than the certificate that signed it.",
    remedy: "Ask the rebuilder what happened; its statement does not tell the truth about who built.",
  },
  REBUILD_OTHER_INPUTS: {
    meaning: "A rebuild was made from another source, lock or derivation than the release, so it does not count.",
    remedy: "Have the rebuilder rebuild exactly this release with the rebuild command.",
  },
  REBUILD_UNMEASURED: {
    meaning: "A rebuild of a signer's release does not say what its disk measures, so it does not count.",
    remedy: "Have the rebuilder rebuild it with the rebuild command of this version.",
  },
  REBUILD_SUBSTITUTED: {
    meaning: "A rebuild took parts of the release from a cache instead of building them, so it does not count.",
    remedy: "Have the rebuilder build again without the project's cache.",
  },
  REBUILD_NOT_INDEPENDENT: {
    meaning:
      "A rebuilder belongs to the owner of a signer, or to the same owner as another rebuilder: it is not independent.",
    remedy: "Name rebuilders that other organizations own.",
  },
  REBUILD_MISMATCH: {
    meaning: "An independent rebuilder built the same inputs and got other bytes. One such rebuild vetoes the release.",
    remedy: "Do not use this release until the difference is explained: compare both builds with repro-check.",
  },
  REBUILD_MISSING: {
    meaning:
      "A listed rebuilder has published no rebuild that counts, and the policy wants to hear from all (missing: refuse).",
    remedy: "Wait for the rebuilder, or review whether it should still be listed.",
  },
  REBUILD_QUORUM: {
    meaning: "Fewer distinct operators than rebuilds.perPlatform have rebuilt a platform and got the same bytes.",
    remedy: "Wait for more rebuilds, or review rebuilds.perPlatform.",
  },
  VERSION_TOO_OLD: {
    meaning: "The release's version is below freshness.minVersion.",
    remedy: "Deploy a newer release, or lower freshness.minVersion after a review.",
  },
  RELEASE_TOO_OLD: {
    meaning: "The release was signed longer ago than freshness.maxAge.",
    remedy: "Deploy a newer release, or review freshness.maxAge.",
  },
  ROLLBACK_EXPIRED: {
    meaning: "The policy's exception for going back to this release has ended.",
    remedy: "Deploy a newer release, or approve a new exception in freshness.rollback.",
  },
  REVOKED: {
    meaning: "The policy revokes this release, or a signer that it depends on.",
    remedy: "Deploy another release.",
  },
  SCAN_INVALID: {
    meaning: "The vulnerability scan is not a scan statement.",
    remedy: "Scan the release again and attach the result with attest-image.",
  },
  SCAN_OTHER_SBOM: {
    meaning: "The vulnerability scan was made of another SBOM than the release's.",
    remedy: "Scan the SBOM that the release manifest names.",
  },
  SCAN_TOO_OLD: {
    meaning: "The newest scan, or the vulnerability database that it used, is older than vulnerabilities.maxAge.",
    remedy: "Scan the release again with a current database and attach the result with attest-image.",
  },
  VULNERABILITY_REFUSED: {
    meaning: "The newest scan lists a vulnerability at or above the severity that the policy refuses.",
    remedy:
      "Deploy a release without it; where it does not apply and the policy honours VEX, attach a scan that says why.",
  },
  THIRD_PARTY_NOT_VERIFIED: {
    meaning:
      "The image is one of others that the policy admits by a waiver. A waiver is no proof, so it is not verified.",
    remedy: "Accept it with --accept-waivers where the waiver is enough.",
  },
  THIRD_PARTY_DIGEST_NOT_LISTED: {
    meaning: "The policy's waiver for this image of others lists other digests.",
    remedy: "Use a listed digest, or review this one and add it to thirdParty.",
  },
  THIRD_PARTY_EXPIRED: {
    meaning: "The policy's waiver for this image of others has ended.",
    remedy: "Review the image again, and set a new date in thirdParty.",
  },
} as const satisfies Partial<Record<FindingCode, FindingMeaning>>;
