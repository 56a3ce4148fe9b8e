import type { SupportTable } from "../requirement.ts";

/**
 * What Kubernetes' own ValidatingAdmissionPolicy can enforce: it compares strings and asks nobody. So it admits digests
 * that were proven before, and never looks at a signature.
 */
export const support = {
  images: "enforced",
  digestPins: "enforced",
  thirdParty: "enforced",
  platforms: "digest-only",
  transparency: "digest-only",
  thresholds: "digest-only",
  signature: "digest-only",
  legacySignatures: "digest-only",
  signers: "digest-only",
  certificate: "digest-only",
  manifest: "digest-only",
  provenance: "digest-only",
  sbom: "digest-only",
  rebuilds: "digest-only",
  tee: "digest-only",
  vulnerabilities: "digest-only",
  freshness: "digest-only",
  rollback: "digest-only",
  revoked: "digest-only",
  // CEL has no clock here: an entry ends when the list is compiled and applied after its date.
  thirdPartyExpiry: "digest-only",
} as const satisfies SupportTable;
