import type { Digest } from "../oci/digest.ts";
import type { Signer, TrustPolicy } from "../policy/trust-policy.ts";
import { predicateTypes } from "../intoto/statement.ts";
import { checkIdentity } from "./check-identity.ts";
import type { CollectedStatements, SignedStatement } from "./collect-statements.ts";
import { proven, refuse, skipped } from "./finding.ts";
import type { Checked, Finding } from "./finding.ts";

/** The kinds of statement that `require` names. */
export type StatementKind = keyof TrustPolicy["require"];

/** Predicate types per kind. An SBOM never counts as a signature: kinds share none. */
export const kindPredicates: Readonly<Record<StatementKind, readonly string[]>> = {
  signature: [predicateTypes.signature],
  manifest: [predicateTypes.release],
  provenance: [predicateTypes.provenance],
  sbom: [predicateTypes.spdx, predicateTypes.spdx23, predicateTypes.cyclonedx],
};

export interface TrustedStatement extends SignedStatement {
  readonly kind: StatementKind | "scan";
  readonly signer: Signer;
}

type Match =
  { readonly ok: true; readonly signer: Signer } | { readonly ok: false; readonly findings: readonly Finding[] };

/** The first of the signers that a statement is by; else in what it differs from each. */
function matchSigner(
  statement: SignedStatement,
  signers: readonly Signer[],
  { revoked, ...policy }: TrustPolicy,
): Match {
  const subject = `referrer ${statement.referrer}`;
  // Another id for the same identity must not undo the revocation, wherever it stands in the list.
  const former = policy.signers.find(
    (signer) => revoked.includes(signer.id) && checkIdentity(statement.claims, signer, subject).ok,
  );
  if (former !== undefined) {
    const finding = refuse("REVOKED", {
      subject,
      expected: "a signer that is not revoked",
      found: `signer "${former.id}", listed in revoked`,
      remedy: "Sign the release again by a signer that the policy still trusts.",
    });
    return { ok: false, findings: finding.findings };
  }
  const findings: Finding[] = [];
  for (const signer of signers) {
    const identity = checkIdentity(statement.claims, signer, subject);
    if (identity.ok) return { ok: true, signer };
    findings.push(...identity.findings);
  }
  return { ok: false, findings };
}

/** Why no statement of a kind counted: what was there and fell short, or that nothing was there. */
function missing(
  { kind, types, subject }: Sought<string>,
  reasons: readonly Finding[],
  signers: readonly Signer[],
): Checked<never> {
  const [first, ...rest] = reasons;
  if (first !== undefined) return { ok: false, findings: [first, ...rest] };
  return refuse("STATEMENT_MISSING", {
    subject,
    expected: `a ${kind} statement (${types.join(" or ")}) by ${signers.map(({ id }) => id).join(" or ")}`,
    found: "none",
    remedy: `Check that the publication of this release finished; ${kind} statements are attached as referrers of ${subject}.`,
  });
}

/**
 * `require`: at least one statement of the kind by a listed signer. Returns all of them, since the caller must find
 * that every one passes; statements by others say nothing, in either direction.
 */
export function requiredStatements(
  kind: StatementKind,
  subject: Digest,
  collected: CollectedStatements,
  policy: TrustPolicy,
): Checked<readonly TrustedStatement[]> {
  const signers = policy.signers.filter((signer) => policy.require[kind].includes(signer.id));
  if (signers.length === 0) return proven([]);
  return statementsBy(signers, { kind, types: kindPredicates[kind], subject }, collected, policy);
}

/** What is sought: statements of some predicate types about a subject. */
interface Sought<K extends string> {
  readonly kind: K;
  readonly types: readonly string[];
  readonly subject: Digest;
}

/** All valid statements of a kind by the given signers; refused when there is none. */
export function statementsBy<K extends string>(
  signers: readonly Signer[],
  sought: Sought<K>,
  collected: CollectedStatements,
  policy: TrustPolicy,
): Checked<readonly (SignedStatement & { readonly kind: K; readonly signer: Signer })[]> {
  const { kind, types, subject } = sought;
  const trusted: (SignedStatement & { readonly kind: K; readonly signer: Signer })[] = [];
  const reasons: Finding[] = [];
  for (const statement of collected.signed) {
    if (statement.subject !== subject || !types.includes(statement.statement.predicateType)) continue;
    const match = matchSigner(statement, signers, policy);
    if (match.ok) trusted.push({ ...statement, kind, signer: match.signer });
    else reasons.push(...match.findings);
  }
  if (trusted.length > 0) return proven(trusted);
  // What could not be read may be the statement that is sought (rule 9): that is told, and nothing is missing yet.
  if (collected.unread.has(subject)) return skipped(`${kind} of ${subject}`, "the registry's answer");
  for (const rejected of collected.rejected) {
    const claims = rejected.claimedPredicateType;
    if (rejected.subject === subject && (claims === undefined || types.includes(claims))) {
      reasons.push(...rejected.findings);
    }
  }
  return missing(sought, reasons, signers);
}
