/**
 * A finding says which rule did not hold, on what, and what to do. Checks return `Checked<Proof>`: success is a proof
 * that the check computed, never the mere absence of findings.
 */

/** Every code that verification can report; docs/generated/finding-codes.md explains each. */
export const findingCodes = [
  // rule 1: one digest, bytes hashed here
  "IMAGE_NOT_IN_POLICY",
  "DIGEST_MISMATCH",
  "INDEX_INVALID",
  "PLATFORM_SET_MISMATCH",
  "PLATFORM_MANIFEST_INVALID",
  "NAR_HASH_MISMATCH",
  // rule 2: trusted root
  "ROOT_DIGEST_MISMATCH",
  "ROOT_INVALID",
  "ROOT_TOO_OLD",
  "ROOT_KEY_WITHOUT_START",
  "ROOT_LOCAL_OUTSIDE_LOCAL",
  // bundles
  "BUNDLE_INVALID",
  "BUNDLE_MEDIA_TYPE",
  "BUNDLE_KEY_NOT_CERTIFICATE",
  "BUNDLE_CERTIFICATE_NOT_KEY",
  "BUNDLE_SIGNATURE_INVALID",
  "BUNDLE_CERTIFICATE_INVALID",
  "BUNDLE_LOG_INVALID",
  "BUNDLE_TIME_INVALID",
  "BUNDLE_THRESHOLD",
  // rule 3: identity
  "IDENTITY_ISSUER_MISMATCH",
  "IDENTITY_SUBJECT_MISMATCH",
  "IDENTITY_EXTENSION_MISMATCH",
  "IDENTITY_REF_NOT_ALLOWED",
  "IDENTITY_TRIGGER_NOT_ALLOWED",
  // rule 4: statements
  "STATEMENT_PAYLOAD_TYPE",
  "STATEMENT_INVALID",
  "STATEMENT_SUBJECT_MISMATCH",
  "STATEMENT_PREDICATE_TYPE",
  "STATEMENT_MISSING",
  // signatures of cosign's older form
  "LEGACY_SIGNATURE_NOT_ALLOWED",
  "LEGACY_SIGNATURE_INVALID",
  // release manifest
  "MANIFEST_INVALID",
  "MANIFEST_SCHEMA_VERSION",
  "MANIFEST_OTHER_IMAGE",
  "MANIFEST_PLATFORM_MISMATCH",
  "MANIFEST_EQUIVOCATION",
  "MANIFEST_INCOMPLETE",
  "MANIFEST_DISK_MISMATCH",
  "MANIFEST_TAG_VERSION_MISMATCH",
  // rule 5: provenance
  "PROVENANCE_INVALID",
  "PROVENANCE_BUILDER_NOT_ALLOWED",
  "PROVENANCE_BUILDER_MISMATCH",
  "PROVENANCE_BUILD_TYPE_NOT_ALLOWED",
  "PROVENANCE_PARAMETER_UNKNOWN",
  "PROVENANCE_PARAMETER_MISMATCH",
  "PROVENANCE_SOURCE_MISMATCH",
  // SBOM
  "SBOM_INVALID",
  "SBOM_EMPTY",
  "SBOM_FORMAT_NOT_ALLOWED",
  "SBOM_DIGEST_MISMATCH",
  "SBOM_CLOSURE_MISMATCH",
  // rule 6: independent rebuilds
  "REBUILD_INVALID",
  "REBUILD_BUILDER_MISMATCH",
  "REBUILD_OTHER_INPUTS",
  "REBUILD_SUBSTITUTED",
  "REBUILD_UNMEASURED",
  "REBUILD_NOT_INDEPENDENT",
  "REBUILD_MISMATCH",
  "REBUILD_MISSING",
  "REBUILD_QUORUM",
  // rule 7: signatures made in an attested trust domain
  "TEE_SIGNER_RELEASE",
  "TEE_SIGNATURE_MISSING",
  "TEE_EVIDENCE_INVALID",
  "TEE_SIGNATURE_INVALID",
  "TEE_POLICY_NOT_ALLOWED",
  "TEE_CHALLENGE_MISMATCH",
  "TEE_TIME_INVALID",
  "TEE_TIME_WINDOW",
  "TEE_QUOTE_REFUSED",
  "TEE_BINDING_MISMATCH",
  "TEE_TD_REFUSED",
  "TEE_EVENT_LOG_MISMATCH",
  "TEE_MEASUREMENT_MISMATCH",
  "TEE_STATUS_NOT_ALLOWED",
  "TEE_ADVISORY_NOT_ALLOWED",
  "TEE_EVALUATION_TOO_OLD",
  "TEE_PLATFORM_NOT_ALLOWED",
  "TEE_REVOKED",
  "TEE_ROOT_NOT_ALLOWED",
  // rule 8: version, age, revocation, exceptions, scans
  "VERSION_TOO_OLD",
  "RELEASE_TOO_OLD",
  "ROLLBACK_EXPIRED",
  "REVOKED",
  "SCAN_INVALID",
  "SCAN_OTHER_SBOM",
  "SCAN_TOO_OLD",
  "VULNERABILITY_REFUSED",
  // rule 8: images of others
  "THIRD_PARTY_NOT_VERIFIED",
  "THIRD_PARTY_DIGEST_NOT_LISTED",
  "THIRD_PARTY_EXPIRED",
  // rule 9: what the registry answered
  "REGISTRY_UNAUTHORIZED",
  "REGISTRY_FORBIDDEN",
  "REGISTRY_THROTTLED",
  "REGISTRY_BROKEN",
  "REGISTRY_TOO_LARGE",
  // the policy itself
  "POLICY_UNSUPPORTED",
  // a check whose premise failed
  "SKIPPED",
] as const;

export type FindingCode = (typeof findingCodes)[number];

export interface Finding {
  readonly code: FindingCode;
  /** `refuse` fails the verification; `skipped` names a check that could not run; `note` explains without failing. */
  readonly severity: "refuse" | "skipped" | "note";
  /** What the finding is about: a digest, a bundle, a policy path. */
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
  /** What to do next. */
  readonly remedy: string;
}

export type Checked<P> =
  | { readonly ok: true; readonly proof: P }
  | { readonly ok: false; readonly findings: readonly [Finding, ...Finding[]] };

export function proven<P>(proof: P): Checked<P> {
  return { ok: true, proof };
}

export function refuse(
  code: Exclude<FindingCode, "SKIPPED">,
  detail: Omit<Finding, "code" | "severity">,
): { readonly ok: false; readonly findings: readonly [Finding] } {
  return { ok: false, findings: [{ code, severity: "refuse", ...detail }] };
}

/** A check that needs the proof of another one that failed says so instead of staying silent. */
export function skipped(check: string, needs: string): { readonly ok: false; readonly findings: readonly [Finding] } {
  return {
    ok: false,
    findings: [
      {
        code: "SKIPPED",
        severity: "skipped",
        subject: check,
        expected: "to run",
        found: `needs ${needs}`,
        remedy: `Mend ${needs} first, then verify again.`,
      },
    ],
  };
}

/** All proofs in order, or every finding of every failed check. */
export function all<P>(checks: readonly Checked<P>[]): Checked<P[]> {
  const proofs: P[] = [];
  const findings: Finding[] = [];
  for (const check of checks) {
    if (check.ok) proofs.push(check.proof);
    else for (const finding of check.findings) findings.push(finding);
  }
  const [first, ...rest] = findings;
  return first === undefined ? proven(proofs) : { ok: false, findings: [first, ...rest] };
}
