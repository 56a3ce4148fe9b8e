import { verify } from "node:crypto";
import { isInFuture } from "../clock-skew.ts";
import { parseStatement } from "../intoto/parse-statement.ts";
import { matchesDigest } from "../intoto/match-subject.ts";
import { preAuthenticationEncoding } from "../intoto/pre-authentication-encoding.ts";
import { payloadType, predicateTypes } from "../intoto/statement.ts";
import { tdxSignerPredicateSchema } from "../intoto/tdx-signer-predicate.ts";
import type { TdxSignerPredicate } from "../intoto/tdx-signer-predicate.ts";
import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { safeParse } from "../safe-parse.ts";
import { readPublicKey } from "../sigstore/public-key.ts";
import type { TrustedRootMaterial } from "../sigstore/trusted-root.ts";
import { verifyTimestamp } from "../sigstore/verify-timestamp.ts";
import type { TdxEvidenceDocument } from "../tdx/evidence-document.ts";
import { challengeImprint, stampImprint } from "../tdx/report-data.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";

/** How long after its challenge a signature has to be stamped (design, section 5). */
export const mostMinutes = 15;

/** What is checked of one attested signature, and how findings name it. */
export interface TeeCandidate {
  /** `attested signature sha256:…` */
  readonly name: string;
  /** The index that it is attached to. */
  readonly subject: Digest;
  readonly document: TdxEvidenceDocument;
}

export interface TeeTimes {
  /** Tc: the quote is newer. */
  readonly challengedAt: Date;
  /** T, each of them: quote and signature are older. Sorted. */
  readonly stampedAt: readonly [Date, ...Date[]];
}

const signAgain = "Have the confidential signer sign the image again.";

/** Rule 7, the statement: about this image, of its predicate type, by the key beside it, under a policy that is listed. */
export function checkTeeStatement(
  { name, subject, document }: TeeCandidate,
  policies: readonly Digest[],
): Checked<TdxSignerPredicate> {
  const { payload, signature, spki, challenge } = document;
  const signed = isSignedBy(spki, payload, signature)
    ? proven(null)
    : refuse("TEE_SIGNATURE_INVALID", {
        subject: name,
        expected: "a signature by the ECDSA P-256 key beside it",
        found: "another",
        remedy: signAgain,
      });
  const statement = parseStatement(payload, name);
  if (!statement.ok) return all<unknown>([signed, statement]) as Checked<never>;
  const hex = subject.slice("sha256:".length);
  const about = matchesDigest(statement.proof, "sha256", hex)
    ? proven(null)
    : refuse("STATEMENT_SUBJECT_MISMATCH", {
        subject: name,
        expected: `a subject with sha256 ${hex}`,
        found: statement.proof.subject.map((entry) => entry.digest["sha256"] ?? "no sha256").join(", "),
        remedy: "It was signed for other bytes. If this image was changed after signing, do not run it.",
      });
  if (statement.proof.predicateType !== predicateTypes.tdxSigner) {
    const other = refuse("STATEMENT_PREDICATE_TYPE", {
      subject: name,
      expected: predicateTypes.tdxSigner,
      found: statement.proof.predicateType,
      remedy: signAgain,
    });
    return all<unknown>([signed, about, other]) as Checked<never>;
  }
  const parsed = safeParse(tdxSignerPredicateSchema, statement.proof.predicate);
  if (!parsed.success) {
    const found = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    const expected = `a statement of ${predicateTypes.tdxSigner}`;
    const invalid = refuse("TEE_EVIDENCE_INVALID", { subject: name, expected, found, remedy: signAgain });
    return all<unknown>([signed, about, invalid]) as Checked<never>;
  }
  const predicate = parsed.data;
  const checks = all<unknown>([
    signed,
    about,
    predicate.challenge === digestOf(challenge)
      ? proven(null)
      : refuse("TEE_CHALLENGE_MISMATCH", {
          subject: name,
          expected: `the challenge ${predicate.challenge}, as the statement says`,
          found: digestOf(challenge),
          remedy: signAgain,
        }),
    policies.includes(predicate.policy)
      ? proven(null)
      : refuse("TEE_POLICY_NOT_ALLOWED", {
          subject: name,
          expected: `verified under the policy ${policies.join(" or ")}`,
          found: predicate.policy,
          remedy: "Review the policy in the signer's image, and add its digest if it demands enough.",
        }),
  ]);
  return checks.ok ? proven(predicate) : checks;
}

function isSignedBy(spki: Uint8Array, payload: Uint8Array, signature: Uint8Array): boolean {
  try {
    const body = Buffer.from(spki).toString("base64");
    const { key } = readPublicKey(Buffer.from(`-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----\n`));
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return false;
    return verify("sha256", preAuthenticationEncoding(payloadType, payload), key, signature);
  } catch {
    return false;
  }
}

/**
 * Rule 7, the times: challenge and stamps are by authorities of the trusted root, as many as the policy demands, and no
 * more than 15 minutes lie between the one and the others.
 */
export function checkTeeTimes(
  { name, document }: TeeCandidate,
  root: TrustedRootMaterial,
  { roots }: TrustPolicy,
  now: Date,
): Checked<TeeTimes> {
  const invalid = (subject: string, expected: string, found: string): Checked<never> =>
    refuse("TEE_TIME_INVALID", { subject: `${name}, ${subject}`, expected, found, remedy: signAgain });
  const stamp = "a time stamp by an authority of the trusted root";
  const challenge = verifyTimestamp(document.challenge, challengeImprint(document.spki), root);
  const imprint = stampImprint(document.quote, document.signature);
  const stamps = document.timestamps.map((token) => verifyTimestamp(token, imprint, root));
  const faults = [
    ...(challenge.ok ? [] : [invalid("challenge", `${stamp} over the signing key`, challenge.fault)]),
    ...stamps.flatMap((verdict) =>
      verdict.ok ? [] : [invalid("time", `${stamp} over quote and signature`, verdict.fault)],
    ),
  ];
  const times = stamps.flatMap((verdict) => (verdict.ok ? [verdict.time] : []));
  const authorities = new Set(times.map(({ authority }) => authority)).size;
  if (faults.length === 0 && authorities < roots.tsa)
    faults.push(invalid("time", `${roots.tsa} distinct time-stamp authorities`, `${authorities}`));
  const [first, ...rest] = times.map(({ time }) => time).sort((a, b) => a.getTime() - b.getTime());
  if (!challenge.ok || first === undefined || faults.length > 0) return all<never>(faults) as Checked<never>;
  const challengedAt = challenge.time.time;
  const last = rest.at(-1) ?? first;
  const late = [challengedAt, last].find((time) => isInFuture(time, now));
  if (late !== undefined) return invalid("time", `a time before ${now.toISOString()}`, late.toISOString());
  if (first < challengedAt || last.getTime() - challengedAt.getTime() > mostMinutes * 60_000) {
    return refuse("TEE_TIME_WINDOW", {
      subject: name,
      expected: `a signature within ${mostMinutes} minutes after the challenge of ${challengedAt.toISOString()}`,
      found: `stamped ${(first < challengedAt ? first : last).toISOString()}`,
      remedy: "Have the signer sign again with a fresh challenge: an old quote could else be used at any time.",
    });
  }
  return proven({ challengedAt, stampedAt: [first, ...rest] });
}
