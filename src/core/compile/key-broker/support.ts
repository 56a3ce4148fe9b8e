import type { SupportTable } from "../requirement.ts";

/**
 * What the key broker enforces of the signer's policy. It releases to a TD whose measurements are those of a release that
 * was proven before, and sees no image, signature or statement itself: everything that made the release provable is
 * enforced through the measurements only. The TEE is what it does check, against the settings.
 */
export const support = {
  tee: "enforced",
  images: "digest-only",
  digestPins: "digest-only",
  platforms: "digest-only",
  transparency: "digest-only",
  thresholds: "digest-only",
  certificate: "digest-only",
  signature: "digest-only",
  legacySignatures: "digest-only",
  signers: "digest-only",
  manifest: "digest-only",
  provenance: "digest-only",
  sbom: "digest-only",
  rebuilds: "digest-only",
  vulnerabilities: "digest-only",
  freshness: "digest-only",
  rollback: "digest-only",
  // Reference values of a revoked release go when they are compiled and published again.
  revoked: "digest-only",
  // It admits no images of others at all, and nothing of theirs gets a credential.
  thirdParty: "unseen",
  thirdPartyExpiry: "unseen",
} as const satisfies SupportTable;
