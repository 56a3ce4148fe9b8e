import type { SupportTable } from "../requirement.ts";

/**
 * What a workload identity pool can enforce: who a token is of. It sees no image and no evidence, so that everything
 * else is for verifyRelease and the targets that admit images.
 */
export const support = {
  signers: "enforced",
  images: "unseen",
  platforms: "unseen",
  digestPins: "unseen",
  transparency: "unseen",
  thresholds: "unseen",
  certificate: "unseen",
  signature: "unseen",
  legacySignatures: "unseen",
  manifest: "unseen",
  provenance: "unseen",
  sbom: "unseen",
  rebuilds: "unseen",
  tee: "unseen",
  vulnerabilities: "unseen",
  freshness: "unseen",
  rollback: "unseen",
  // A revoked signer gets no provider, but revoked digests are never looked at.
  revoked: "unseen",
  thirdParty: "unseen",
  thirdPartyExpiry: "unseen",
} as const satisfies SupportTable;
