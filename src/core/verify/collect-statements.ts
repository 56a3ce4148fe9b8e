import type { Digest } from "../oci/digest.ts";
import { bundleMediaTypePrefix } from "../oci/formats.ts";
import { parseReferrerManifest } from "../oci/parse.ts";
import { matchesDigest } from "../intoto/match-subject.ts";
import { parseStatement } from "../intoto/parse-statement.ts";
import { payloadType } from "../intoto/statement.ts";
import type { Statement } from "../intoto/statement.ts";
import type { CertificateClaims, VerifiedBundle } from "../sigstore/contract.ts";
import { verifyBundleCryptography } from "../sigstore/verify-bundle.ts";
import { claimedPredicateType } from "./claimed-predicate-type.ts";
import type { TrustedRootMaterial } from "../sigstore/trusted-root.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { checkedBytes } from "./check-image.ts";
import type { Evidence, ReferrerEvidence } from "./evidence.ts";
import { proven, refuse } from "./finding.ts";
import type { Checked, Finding } from "./finding.ts";
import { unanswered } from "./registry-answer.ts";

/** A statement whose signature, log entry, certificate and time hold; whether its signer is trusted is not yet asked. */
export interface SignedStatement {
  readonly subject: Digest;
  readonly referrer: Digest;
  readonly statement: Statement;
  readonly claims: CertificateClaims;
  /** The earliest trusted time: age is counted from it, so that stamping again makes nothing look fresh. */
  readonly signedAt: Date;
  /** The latest trusted time: none may lie in the future. */
  readonly lastStampedAt: Date;
  readonly logs: readonly string[];
  /** Set when it is a signature of cosign's older form, told as today's statement. */
  readonly legacy?: true;
}

/** A referrer that carried a bundle, but proved nothing. */
export interface RejectedStatement {
  readonly subject: Digest;
  readonly referrer: Digest;
  /** What the envelope says of itself, unverified: only to tell users why a required kind is missing. */
  readonly claimedPredicateType: string | undefined;
  readonly findings: readonly Finding[];
}

export interface CollectedStatements {
  readonly signed: readonly SignedStatement[];
  readonly rejected: readonly RejectedStatement[];
  /** What the registry answered where it told nothing about the statements. */
  readonly unanswered: readonly Finding[];
  /** Subjects whose referrers could not all be listed and read: no statement of theirs counts as absent. */
  readonly unread: ReadonlySet<Digest>;
}

function refersTo(referrer: ReferrerEvidence, subject: Digest): Checked<Uint8Array> {
  const bytes = checkedBytes(referrer.manifest, referrer.digest, "referrer");
  if (!bytes.ok) return bytes;
  const manifest = parseReferrerManifest(bytes.proof, referrer.digest);
  if (!manifest.ok) return manifest;
  const found = manifest.proof.subject.digest;
  if (found !== subject) {
    return refuse("STATEMENT_SUBJECT_MISMATCH", {
      subject: `referrer ${referrer.digest}`,
      expected: `a manifest whose subject is ${subject}`,
      found,
      remedy: "Attach the statement to the image that it is about.",
    });
  }
  const layer = manifest.proof.layers[0];
  if (layer === undefined) return unanswered({ kind: "absent" }, `bundle of referrer ${referrer.digest}`);
  if (referrer.bundle.kind === "absent" && !layer.mediaType.startsWith(bundleMediaTypePrefix)) {
    // Not fetched at all: other tools may attach what they like.
    return refuse("BUNDLE_MEDIA_TYPE", {
      subject: `referrer ${referrer.digest}`,
      expected: "a Sigstore bundle",
      found: layer.mediaType,
      remedy: "Attach statements as Sigstore bundles; what other tools attach says nothing here.",
    });
  }
  return checkedBytes(referrer.bundle, layer.digest, "bundle");
}

function statementOf(bundle: VerifiedBundle, subject: Digest, referrer: Digest): Checked<Statement> {
  const { content } = bundle;
  if (content.kind !== "dsse" || content.payloadType !== payloadType) {
    return refuse("STATEMENT_PAYLOAD_TYPE", {
      subject: `referrer ${referrer}`,
      expected: payloadType,
      found: content.kind === "dsse" ? content.payloadType : "a message signature",
      remedy: "Attach in-toto statements in DSSE envelopes.",
    });
  }
  const statement = parseStatement(content.payload, `referrer ${referrer}`);
  if (!statement.ok) return statement;
  const hex = subject.slice("sha256:".length);
  if (matchesDigest(statement.proof, "sha256", hex)) return statement;
  return refuse("STATEMENT_SUBJECT_MISMATCH", {
    subject: `referrer ${referrer}`,
    expected: `a subject with sha256 ${hex}`,
    found: statement.proof.subject.map((entry) => entry.digest["sha256"] ?? "no sha256").join(", "),
    remedy:
      "Its statements were signed for other bytes. If this image was changed after signing, do not run it; else attach its own statements.",
  });
}

/** The earliest and the latest trusted time of a bundle; refused when it has none. */
export function signingTimes(
  { times }: VerifiedBundle,
  referrer: Digest,
): Checked<{ readonly signedAt: Date; readonly lastStampedAt: Date }> {
  const sorted = times.map((entry) => entry.time).sort((a, b) => a.getTime() - b.getTime());
  const signedAt = sorted[0];
  const lastStampedAt = sorted.at(-1);
  if (signedAt !== undefined && lastStampedAt !== undefined) return proven({ signedAt, lastStampedAt });
  return refuse("BUNDLE_TIME_INVALID", {
    subject: `referrer ${referrer}`,
    expected: "a trusted time",
    found: "none",
    remedy: "Sign with a time-stamp authority of the trusted root.",
  });
}

function readStatement(
  referrer: ReferrerEvidence,
  subject: Digest,
  root: TrustedRootMaterial,
  policy: TrustPolicy,
): Checked<SignedStatement> {
  const bytes = refersTo(referrer, subject);
  if (!bytes.ok) return bytes;
  const { tlog, ct, tsa } = policy.roots;
  const bundle = verifyBundleCryptography(bytes.proof, root, { tlog, ct, tsa });
  if (!bundle.ok) return bundle;
  const statement = statementOf(bundle.proof, subject, referrer.digest);
  if (!statement.ok) return statement;
  const times = signingTimes(bundle.proof, referrer.digest);
  if (!times.ok) return times;
  const { claims, logs } = bundle.proof;
  return proven({ subject, referrer: referrer.digest, statement: statement.proof, claims, ...times.proof, logs });
}

/** Reads a statement once, however many lists name its referrer. */
export type ReadStatement = (referrer: ReferrerEvidence, subject: Digest) => Checked<SignedStatement>;

/** Reads statements under one root and policy; a referrer that is listed in several places is verified once. */
export function statementReader(root: TrustedRootMaterial, policy: TrustPolicy): ReadStatement {
  const known = new Map<Digest, WeakMap<ReferrerEvidence, Checked<SignedStatement>>>();
  return (referrer, subject) => {
    const ofSubject = known.get(subject) ?? new WeakMap<ReferrerEvidence, Checked<SignedStatement>>();
    known.set(subject, ofSubject);
    const read = ofSubject.get(referrer) ?? readStatement(referrer, subject, root, policy);
    ofSubject.set(referrer, read);
    return read;
  };
}

/** Rule 4 for every referrer of the given subjects, and rule 9 for what the registry answered. */
export function collectStatements(
  referrers: Evidence["referrers"],
  subjects: readonly Digest[],
  read: ReadStatement,
): CollectedStatements {
  const signed: SignedStatement[] = [];
  const rejected: RejectedStatement[] = [];
  const silent: Finding[] = [];
  const unread = new Set<Digest>();
  for (const subject of subjects) {
    const answer = referrers.get(subject) ?? { kind: "broken", detail: "its referrers were not asked for" };
    if (answer.kind === "absent") continue;
    if (answer.kind !== "found") {
      const finding = unanswered(answer, `referrers of ${subject}`);
      if (!finding.ok) silent.push(...finding.findings);
      unread.add(subject);
      continue;
    }
    for (const referrer of answer.value) {
      const statement = read(referrer, subject);
      if (statement.ok) {
        signed.push(statement.proof);
        continue;
      }
      // What isn't a bundle is no statement: it says nothing, and is no reason why one is missing.
      if (referrer.bundle.kind === "absent" && statement.findings.every(({ code }) => code === "BUNDLE_MEDIA_TYPE")) {
        continue;
      }
      // A referrer that could not be read may be the one that refuses: it is no evidence of absence (rule 9).
      const broken = statement.findings.filter((finding) => finding.code.startsWith("REGISTRY_"));
      if (broken.length > 0) {
        silent.push(...broken);
        unread.add(subject);
        continue;
      }
      const bundle = referrer.bundle.kind === "found" ? referrer.bundle.value : undefined;
      const claimed = bundle === undefined ? undefined : claimedPredicateType(bundle);
      rejected.push({
        subject,
        referrer: referrer.digest,
        claimedPredicateType: claimed,
        findings: statement.findings,
      });
    }
  }
  return { signed, rejected, unanswered: silent, unread };
}

/** Two collections as one. */
export function joined(one: CollectedStatements, other: CollectedStatements): CollectedStatements {
  return {
    signed: [...one.signed, ...other.signed],
    rejected: [...one.rejected, ...other.rejected],
    unanswered: [...one.unanswered, ...other.unanswered],
    unread: one.unread.union(other.unread),
  };
}
