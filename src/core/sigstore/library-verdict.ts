import { VerificationError, Verifier } from "@sigstore/verify";
import type { SignedEntity, TrustMaterial } from "@sigstore/verify";
import { reasonOf } from "../failure.ts";
import { refuse } from "../verify/finding.ts";
import type { Finding, FindingCode } from "../verify/finding.ts";
import { withoutStackTraces } from "./without-stack-traces.ts";

export type RefusalCode = Exclude<FindingCode, "SKIPPED">;

/** What to do about a bundle that does not hold. */
export const signAgain =
  "Sign again with the Sigstore instance that the trusted root names, and attach the bundle unchanged.";

/** Collects the findings about one bundle, the first of each code. */
export interface BundleReport {
  readonly findings: Finding[];
  add(code: RefusalCode, expected: string, found: string): void;
}

export function bundleReport(name: string): BundleReport {
  const findings: Finding[] = [];
  return {
    findings,
    add: (code, expected, found) => {
      if (findings.some((finding) => finding.code === code)) return;
      findings.push(...refuse(code, { subject: name, expected, found, remedy: signAgain }).findings);
    },
  };
}

const codes: Readonly<Record<VerificationError["code"], RefusalCode>> = {
  NOT_IMPLEMENTED_ERROR: "BUNDLE_INVALID",
  TLOG_ERROR: "BUNDLE_LOG_INVALID",
  TLOG_INCLUSION_PROOF_ERROR: "BUNDLE_LOG_INVALID",
  TLOG_INCLUSION_PROMISE_ERROR: "BUNDLE_LOG_INVALID",
  TLOG_MISSING_INCLUSION_ERROR: "BUNDLE_LOG_INVALID",
  TLOG_BODY_ERROR: "BUNDLE_LOG_INVALID",
  CERTIFICATE_ERROR: "BUNDLE_CERTIFICATE_INVALID",
  PUBLIC_KEY_ERROR: "BUNDLE_KEY_NOT_CERTIFICATE",
  SIGNATURE_ERROR: "BUNDLE_SIGNATURE_INVALID",
  TIMESTAMP_ERROR: "BUNDLE_TIME_INVALID",
};

/**
 * What the library refuses, or undefined when it accepts. Every entry, stamp and promise in the bundle must verify, whatever the thresholds. Distinct logs and authorities are
 * counted by the caller (the library counts entries); `ct` and `time` are what the signer's kind makes necessary.
 */
export function libraryFault(
  entity: SignedEntity,
  material: TrustMaterial,
  least: { readonly ct: number; readonly time: number },
): { readonly code: RefusalCode; readonly found: string } | undefined {
  const tlogThreshold = entity.tlogEntries.length === 0 ? 0 : 1;
  const options = { tlogThreshold, ctlogThreshold: least.ct, timestampThreshold: least.time };
  try {
    withoutStackTraces(() => new Verifier(material, options).verify(entity));
    return undefined;
  } catch (error) {
    const cause = error instanceof VerificationError && error.cause !== undefined ? `: ${reasonOf(error.cause)}` : "";
    const code = error instanceof VerificationError ? codes[error.code] : "BUNDLE_INVALID";
    return { code, found: `${reasonOf(error)}${cause}` };
  }
}

export interface Shortfall {
  readonly expected: string;
  readonly found: string;
}

/** `2 distinct transparency logs` against what there is, or undefined when it is enough. */
export function shortfall(what: string, found: number, least: number): Shortfall | undefined {
  if (found >= least) return undefined;
  const count = (number: number): string => `${number} distinct ${what}${number === 1 ? "" : "s"}`;
  return { expected: count(least), found: count(found) };
}

export function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)].sort();
}
