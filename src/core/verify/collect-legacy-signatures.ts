import { predicateTypes, statementTypes } from "../intoto/statement.ts";
import type { Statement } from "../intoto/statement.ts";
import type { Digest } from "../oci/digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import { legacySignatureBundle, legacySignatureSubject } from "../sigstore/legacy-signature.ts";
import type { TrustedRootMaterial } from "../sigstore/trusted-root.ts";
import { verifyBundleCryptography } from "../sigstore/verify-bundle.ts";
import { checkedBytes } from "./check-image.ts";
import { joined, signingTimes } from "./collect-statements.ts";
import type { CollectedStatements, SignedStatement } from "./collect-statements.ts";
import type { Evidence, LegacySignatureEvidence } from "./evidence.ts";
import { proven, refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";
import { unanswered } from "./registry-answer.ts";

const none: CollectedStatements = { signed: [], rejected: [], unanswered: [], unread: new Set() };

/**
 * Signatures of cosign's older form, told apart from today's: where the policy allows them each that verifies is told as a
 * signature statement, else they are only the reason why a signature is missing.
 */
export function collectLegacySignatures(
  evidence: Evidence,
  root: TrustedRootMaterial,
  policy: TrustPolicy,
): CollectedStatements {
  const { digest: subject, legacySignatures: answer } = evidence;
  const allowed = policy.legacySignatures === "allow";
  if (answer === undefined || answer.kind === "absent") return none;
  if (answer.kind !== "found") {
    // What the policy does not allow is no statement that could be missed.
    if (!allowed) return none;
    const finding = unanswered(answer, `older signatures of ${subject}`);
    return { ...none, unanswered: finding.ok ? [] : finding.findings, unread: new Set([subject]) };
  }
  return answer.value
    .map((signature): CollectedStatements => {
      const checked = allowed ? readSignature(signature, subject, root, policy) : notAllowed(subject);
      if (checked.ok) return { ...none, signed: [checked.proof] };
      const { findings } = checked;
      const broken = findings.filter(({ code }) => code.startsWith("REGISTRY_"));
      if (broken.length > 0) return { ...none, unanswered: broken, unread: new Set([subject]) };
      const claims = { claimedPredicateType: predicateTypes.signature, findings };
      return { ...none, rejected: [{ subject, referrer: signature.digest, ...claims }] };
    })
    .reduce(joined, none);
}

function notAllowed(subject: Digest): Checked<never> {
  return refuse("LEGACY_SIGNATURE_NOT_ALLOWED", {
    subject,
    expected: `a signature statement (${predicateTypes.signature})`,
    found: `a signature of cosign's older form, under the tag ${subject.replace(":", "-")}.sig`,
    remedy: "Sign the image again with a current client; allow the old form (legacySignatures) only after a review.",
  });
}

function readSignature(
  { digest, payload: answer, annotations }: LegacySignatureEvidence,
  subject: Digest,
  root: TrustedRootMaterial,
  policy: TrustPolicy,
): Checked<SignedStatement> {
  const name = `older signature ${digest}`;
  const payload = checkedBytes(answer, digest, "older signature");
  if (!payload.ok) return payload;
  const bytes = legacySignatureBundle(payload.proof, annotations, name);
  if (!bytes.ok) return bytes;
  const { tlog, ct, tsa } = policy.roots;
  const bundle = verifyBundleCryptography(bytes.proof, root, { tlog, ct, tsa });
  if (!bundle.ok) return bundle;
  const about = legacySignatureSubject(payload.proof, name);
  if (!about.ok) return about;
  if (about.proof !== subject) {
    return refuse("STATEMENT_SUBJECT_MISMATCH", {
      subject: name,
      expected: subject,
      found: about.proof,
      remedy: "It was made for another image: attach this image's own signature.",
    });
  }
  const times = signingTimes(bundle.proof, digest);
  if (!times.ok) return times;
  const { claims, logs } = bundle.proof;
  const statement: Statement = {
    _type: statementTypes[0],
    subject: [{ digest: { sha256: subject.slice("sha256:".length) } }],
    predicateType: predicateTypes.signature,
    predicate: {},
  };
  return proven({ subject, referrer: digest, statement, claims, ...times.proof, logs, legacy: true });
}
