import type { TdxSignerPredicate } from "../intoto/tdx-signer-predicate.ts";
import type { Digest } from "../oci/digest.ts";
import { policyDigest } from "../policy/policy-digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { readTrustedRoot } from "../sigstore/trusted-root.ts";
import type { QuoteTrust, VerifiedQuote } from "../tdx/contract.ts";
import type { TdxEvidenceDocument } from "../tdx/evidence-document.ts";
import { checkTeeAttributes, checkTeeBinding, checkTeeDomain, checkTeeQuote } from "./check-tee-quote.ts";
import { checkTeeStatement, checkTeeTimes } from "./check-tee-signature.ts";
import type { TeeTimes } from "./check-tee-signature.ts";
import { all, proven, skipped } from "./finding.ts";
import type { Checked } from "./finding.ts";

/** What a signer knows of itself and of what it signed. */
export interface OwnTerms {
  /** The index that was signed. */
  readonly subject: Digest;
  /** The signer's own policy. */
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
  readonly trust: QuoteTrust;
  readonly now: Date;
}

export interface OwnSignature {
  readonly predicate: TdxSignerPredicate;
  readonly times: TeeTimes;
  readonly quote: VerifiedQuote;
}

/**
 * Rule 7 as far as a signer can check it itself: statement, times, quote with its collateral, binding, RTMR3, event log, and
 * what no policy allows (debug, migration, a revoked TCB). Which measurements, platforms and states are right is the verifier's
 * policy.
 */
export function examineOwnSignature(document: TdxEvidenceDocument, terms: OwnTerms): Checked<OwnSignature> {
  const { subject, policy, trust, now } = terms;
  const root = readTrustedRoot(terms.trustedRoot);
  if (!root.ok) return root;
  const candidate = { name: "the signature of this trust domain", subject, document };
  const statement = checkTeeStatement(candidate, [policyDigest(policy)]);
  const times = checkTeeTimes(candidate, root.proof, policy, now);
  const quote = times.ok
    ? checkTeeQuote(candidate, times.proof.stampedAt, trust)
    : skipped(`quote of ${candidate.name}`, "a trusted time");
  const checked = all<unknown>([
    statement,
    times,
    quote,
    ...(statement.ok && quote.ok ? [checkTeeBinding(candidate, statement.proof, quote.proof)] : []),
    ...(quote.ok ? [checkTeeDomain(candidate, quote.proof), checkTeeAttributes(candidate, quote.proof)] : []),
  ]);
  if (!checked.ok) return checked;
  if (!statement.ok || !times.ok || !quote.ok) return skipped(candidate.name, "its parts");
  return proven({ predicate: statement.proof, times: times.proof, quote: quote.proof });
}
