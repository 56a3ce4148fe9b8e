import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import { mediaTypes } from "../oci/formats.ts";
import { parseReferrerManifest } from "../oci/parse.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { ProvenTee } from "../release/verified-release.ts";
import type { TrustedRootMaterial } from "../sigstore/trusted-root.ts";
import type { QuoteTrust } from "../tdx/contract.ts";
import { readEvidenceDocument } from "../tdx/evidence-document.ts";
import { checkedBytes } from "./check-image.ts";
import {
  checkTeeBinding,
  checkTeeDomain,
  checkTeeMeasurements,
  checkTeePlatform,
  checkTeeQuote,
  checkTeeRevocation,
} from "./check-tee-quote.ts";
import { checkTeeStatement, checkTeeTimes } from "./check-tee-signature.ts";
import type { TeeCandidate } from "./check-tee-signature.ts";
import { checkQuoteRoot, checkTeeSigner } from "./check-tee-signer.ts";
import type { SignerMeasurements } from "./check-tee-signer.ts";
import type { Evidence, ReferrerEvidence } from "./evidence.ts";
import { all, proven, refuse, skipped } from "./finding.ts";
import type { Checked } from "./finding.ts";
import { teeToday } from "./tee-today.ts";

type Demand = NonNullable<TrustPolicy["tee"]>;

interface Terms {
  readonly evidence: Evidence;
  readonly demand: Demand;
  readonly policy: TrustPolicy;
  readonly root: TrustedRootMaterial;
  readonly signer: Checked<SignerMeasurements>;
  readonly trust: QuoteTrust;
  readonly now: Date;
}

/**
 * Rule 7: at least one signature of the index was made in an attested trust domain. It adds to signers and quorum, and
 * replaces nothing. The verdict of the time of signing decides: collateral and TCB of today warn, only `tee.revoked` overturns.
 * Undefined where the policy has no `tee`. Others' attested signatures say nothing, in either direction.
 */
export function checkTee(
  evidence: Evidence,
  root: TrustedRootMaterial,
  policy: TrustPolicy,
  now: Date,
): Checked<ProvenTee | undefined> {
  const demand = policy.tee;
  if (demand === undefined) return proven(undefined);
  const signer = checkTeeSigner(evidence, demand, policy.environment);
  const trust = checkQuoteRoot(evidence.tee?.quoteRoot, policy.environment);
  const answer = evidence.referrers.get(evidence.digest);
  // That the list could not be read is told once, where statements are collected (rule 9).
  if (answer?.kind !== "found") return missing([signer, trust], answer?.kind === "absent", evidence);
  const attached = answer.value.filter(({ tdxEvidence }) => tdxEvidence !== undefined);
  if (attached.length === 0) return missing([signer, trust], true, evidence);
  if (!trust.ok) return all<unknown>([signer, trust]) as Checked<never>;
  const terms: Terms = { evidence, demand, policy, root, signer, trust: trust.proof, now };
  const judged = attached.map((referrer) => judge(referrer, terms));
  // The newest one that holds: its collateral is the freshest.
  const holding = judged
    .flatMap((each) => (each.ok ? [each.proof] : []))
    .sort((a, b) => b.signedAt.localeCompare(a.signedAt))[0];
  // Without the signer's release none holds; why it lacks is told once.
  if (holding !== undefined && signer.ok) return proven(holding);
  return all<unknown>([signer, ...judged]) as Checked<never>;
}

function missing(others: readonly Checked<unknown>[], isAnswered: boolean, { digest }: Evidence): Checked<never> {
  const none = refuse("TEE_SIGNATURE_MISSING", {
    subject: digest,
    expected: `a signature made in an attested trust domain (a referrer of ${mediaTypes.tdxEvidence})`,
    found: "none",
    remedy: "Wait until the confidential signer has signed this image, or look at its log for why it did not.",
  });
  const silent = skipped(`attested signature of ${digest}`, "the registry's answer");
  return all<unknown>([...others, isAnswered ? none : silent]) as Checked<never>;
}

function judge(referrer: ReferrerEvidence, terms: Terms): Checked<ProvenTee> {
  const name = `attested signature ${referrer.digest}`;
  const read = readCandidate(referrer, name, terms.evidence);
  if (!read.ok) return read;
  const candidate = read.proof;
  const { demand, policy, root, signer, trust, now } = terms;
  const statement = checkTeeStatement(
    candidate,
    demand.policyDigests.map((hex): Digest => `sha256:${hex}`),
  );
  const times = checkTeeTimes(candidate, root, policy, now);
  if (!times.ok) {
    return all<unknown>([statement, times, skipped(`quote of ${name}`, "a trusted time")]) as Checked<never>;
  }
  const quote = checkTeeQuote(candidate, times.proof.stampedAt, trust);
  if (!quote.ok) return all<unknown>([statement, quote]) as Checked<never>;
  const checked = all<unknown>([
    statement,
    checkTeeDomain(candidate, quote.proof),
    checkTeeMeasurements(candidate, quote.proof, demand, signer),
    checkTeePlatform(candidate, quote.proof, demand),
    ...(statement.ok
      ? [
          checkTeeBinding(candidate, statement.proof, quote.proof),
          checkTeeRevocation(candidate, referrer.digest, statement.proof, quote.proof, demand),
        ]
      : [skipped(`binding of ${name}`, "a valid statement")]),
  ]);
  if (!checked.ok || !statement.ok) return checked as Checked<never>;
  const { ppid, fmspc, report, tcb } = quote.proof;
  const { mrtd, rtmr0, rtmr1, rtmr2, rtmr3 } = report;
  const { collateral } = terms.evidence.tee ?? {};
  const { today, notes } = teeToday(candidate.document.quote, quote.proof, { demand, trust, now, collateral });
  return proven({
    referrer: referrer.digest,
    signerRelease: demand.signerRelease,
    policy: statement.proof.policy,
    key: statement.proof.key,
    keyDigest: digestOf(candidate.document.spki),
    challengedAt: times.proof.challengedAt.toISOString(),
    signedAt: times.proof.stampedAt[0].toISOString(),
    platform: { ppid, fmspc, bound: demand.platforms.length > 0 },
    measurements: { mrtd, rtmr0, rtmr1, rtmr2, rtmr3 },
    tcb: { ...tcb, date: tcb.date.toISOString() },
    ...(today === undefined ? {} : { today }),
    notes: [
      ...(demand.platforms.length > 0
        ? []
        : ["platform unbound: the policy lists no PPID, and keys of other TDX machines may have been extracted"]),
      ...(statement.proof.key === "kbs-key" ? ["kbs-key: the KBS operator can sign with this key, too"] : []),
      ...notes,
    ],
  });
}

function readCandidate(referrer: ReferrerEvidence, name: string, { digest }: Evidence): Checked<TeeCandidate> {
  const manifest = checkedBytes(referrer.manifest, referrer.digest, "referrer");
  if (!manifest.ok) return manifest;
  const parsed = parseReferrerManifest(manifest.proof, referrer.digest);
  if (!parsed.ok) return parsed;
  const layer = parsed.proof.layers[0];
  const invalid = (expected: string, found: string): Checked<never> =>
    refuse("TEE_EVIDENCE_INVALID", {
      subject: name,
      expected,
      found,
      remedy: "Have the confidential signer sign the image again.",
    });
  if (layer?.mediaType !== mediaTypes.tdxEvidence) return invalid(mediaTypes.tdxEvidence, layer?.mediaType ?? "none");
  if (parsed.proof.subject.digest !== digest) {
    return refuse("STATEMENT_SUBJECT_MISMATCH", {
      subject: name,
      expected: `a manifest whose subject is ${digest}`,
      found: parsed.proof.subject.digest,
      remedy: "Attach the signature to the image that it is about.",
    });
  }
  const bytes = checkedBytes(referrer.tdxEvidence, layer.digest, "attested signature");
  if (!bytes.ok) return bytes;
  const document = readEvidenceDocument(bytes.proof);
  return document.ok
    ? proven({ name, subject: digest, document: document.document })
    : invalid("an attested signature with its evidence", document.fault);
}
