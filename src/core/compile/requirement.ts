import type { TrustPolicy } from "../policy/trust-policy.ts";

/**
 * How a compile target answers a requirement.
 * - `enforced`: the target itself refuses what does not meet it, at the time of admission.
 * - `digest-only`: the target admits only digests for which verifyRelease proved it before; it sees no evidence itself,
 *   and learns of a change when the objects are compiled and applied again.
 * - `unseen`: the target neither checks it nor is limited to digests that met it.
 */
export type Support = "enforced" | "digest-only" | "unseen";

type PolicyField = Exclude<keyof TrustPolicy, "schema" | "name" | "environment">;

interface RequirementText {
  /** The policy fields that state it. */
  readonly fields: readonly PolicyField[];
  /** One line for tables. */
  readonly says: string;
}

/** Everything that a TrustPolicy can require, one entry per thing that a target can see or miss on its own. */
export const requirements = {
  images: { fields: ["images"], says: "Only images of the repositories and mirrors that the policy names." },
  platforms: { fields: ["images"], says: "The index holds exactly the declared platforms." },
  digestPins: { fields: ["images"], says: "An image is named by digest, so that it can't change after the check." },
  transparency: {
    fields: ["roots"],
    says: "Signatures are in a transparency log, and their certificates in a certificate log, under the trusted root.",
  },
  thresholds: {
    fields: ["roots"],
    says: "As many distinct logs and time stamps as the policy says, under the pinned root, fetched recently enough.",
  },
  signature: { fields: ["require"], says: "The index is signed." },
  legacySignatures: {
    fields: ["legacySignatures"],
    says: "A signature of cosign's older form counts only where the policy allows it.",
  },
  signers: {
    fields: ["signers"],
    says: "Statements are signed by the listed workflows, by the issuer and (in its own repository) at the refs that the policy names.",
  },
  certificate: {
    fields: ["signers"],
    says: "Their certificates name the repository and owner ids, caller, commit, trigger, environment and runner, too.",
  },
  manifest: { fields: ["require"], says: "A release manifest ties each platform's NAR hash to its digest." },
  provenance: {
    fields: ["require", "provenance"],
    says: "Provenance names a listed builder and only listed parameters.",
  },
  sbom: { fields: ["require", "sbom"], says: "An SBOM lists the closure." },
  rebuilds: { fields: ["rebuilds"], says: "Independent rebuilders got the same bytes." },
  tee: { fields: ["tee"], says: "The signature was made in an attested TEE." },
  vulnerabilities: { fields: ["vulnerabilities"], says: "A recent scan found nothing at or above the severity." },
  freshness: { fields: ["freshness"], says: "The version is new enough and the release is not too old." },
  rollback: {
    fields: ["freshness"],
    says: "An older release is admitted only under an approved exception, until it expires.",
  },
  revoked: { fields: ["revoked"], says: "Revoked digests, signers and rebuilders count for nothing." },
  thirdParty: { fields: ["thirdParty"], says: "Images of others: the listed digests in the listed namespaces." },
  thirdPartyExpiry: { fields: ["thirdParty"], says: "An exception for an image of others ends at its date." },
} as const satisfies Record<string, RequirementText>;

export type Requirement = keyof typeof requirements;

/** A target's answer to every requirement: a new requirement breaks `tsc` until each target has answered. */
export type SupportTable = Readonly<Record<Requirement, Support>>;
