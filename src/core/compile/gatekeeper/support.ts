import type { SupportTable } from "../requirement.ts";

/**
 * What Gatekeeper's CEL engine can enforce: the baseline's list, once more. It asks nobody, so it looks at no signature; an
 * external-data provider could, and is not compiled here.
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
  // No clock: an entry ends when the constraint is compiled and applied after its date.
  thirdPartyExpiry: "digest-only",
} as const satisfies SupportTable;
