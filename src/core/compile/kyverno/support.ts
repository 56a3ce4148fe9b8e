import type { SupportTable } from "../requirement.ts";

/**
 * What Kyverno 1.19's ImageValidatingPolicy sees by itself. It judges only images that its policy names and only what hangs on
 * the digest that a pod names; what is unseen here is the baseline's, whose list holds only digests that verifyRelease proved.
 */
export const support = {
  // Other images pass: Kyverno leaves what matchImageReferences don't name alone.
  images: "unseen",
  // The manifest's platforms are compared; the index itself is not read.
  platforms: "unseen",
  digestPins: "enforced",
  transparency: "enforced",
  // One log entry, one entry in a certificate log and one time stamp, under the pinned root; no distinct ones are counted.
  thresholds: "unseen",
  signature: "enforced",
  // verifyImageSignatures, which would take them, is never used.
  legacySignatures: "enforced",
  signers: "enforced",
  // keyless.additionalExtensions is in the schema, but nothing reads it.
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
