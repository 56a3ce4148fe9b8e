import type { SupportTable } from "../requirement.ts";

/**
 * What policy-controller 0.15 sees by itself. It judges only images that a policy names and only what hangs on the digest that
 * a pod names; what is unseen here is the baseline's, whose list holds only digests that verifyRelease proved.
 */
export const support = {
  // With no-match-policy allow, other images pass; deny would refuse third parties' too.
  images: "unseen",
  platforms: "unseen",
  // Its mutating half turns tags into digests; a tag that is left is refused.
  digestPins: "enforced",
  transparency: "enforced",
  // One log entry and one entry in a certificate log, under the root that TUF gives; time stamps are not asked for.
  thresholds: "unseen",
  signature: "enforced",
  // The format is always bundle.
  legacySignatures: "enforced",
  signers: "enforced",
  // In bundle mode cosign gives the controller no certificate to look at.
  certificate: "unseen",
  manifest: "enforced",
  // It hangs on the platforms' manifests; seen only with indexProvenance.
  provenance: "unseen",
  sbom: "unseen",
  rebuilds: "unseen",
  tee: "unseen",
  vulnerabilities: "unseen",
  freshness: "unseen",
  rollback: "unseen",
  revoked: "enforced",
  thirdParty: "unseen",
  thirdPartyExpiry: "unseen",
} as const satisfies SupportTable;
