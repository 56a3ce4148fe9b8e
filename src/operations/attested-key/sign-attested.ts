import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { RegistryClient } from "../../adapters/registry/client.ts";
import { unwrap } from "../../adapters/registry/unwrap.ts";
import { Failure } from "../../core/failure.ts";
import { preAuthenticationEncoding } from "../../core/intoto/pre-authentication-encoding.ts";
import { payloadType, predicateTypes } from "../../core/intoto/statement.ts";
import type { TdxSignerPredicate } from "../../core/intoto/tdx-signer-predicate.ts";
import { writeStatement } from "../../core/intoto/write-statement.ts";
import { digestOf } from "../../core/oci/digest.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { policyDigest } from "../../core/policy/policy-digest.ts";
import { formatDigestReference, parseDigestReference } from "../../core/release/reference.ts";
import type { Reference } from "../../core/release/reference.ts";
import type { ReleaseData } from "../../core/release/verified-release.ts";
import { evidenceAttachment, readEvidenceDocument, writeEvidenceDocument } from "../../core/tdx/evidence-document.ts";
import type { TdxEvidenceDocument } from "../../core/tdx/evidence-document.ts";
import { challengeImprint, reportData, stampImprint } from "../../core/tdx/report-data.ts";
import { examineOwnSignature } from "../../core/verify/examine-own-signature.ts";
import { resolveSubjects } from "../resolve-subjects.ts";
import { verifyImage } from "../verify-image.ts";
import { describeFinding, releaseRefused } from "../verify-releases.ts";
import type { AttestedKey, AttestedSigner } from "./attested-signer.ts";
import { requireSignerPolicy } from "./require-signer-policy.ts";
import { stampByClock } from "./trusted-clock.ts";

export interface AttestedSignature {
  /** `repository@digest` */
  readonly resolved: string;
  /** The referrer that carries it. */
  readonly referrer: Digest;
  readonly listedBy: "api" | "fallback-tag";
  /** What was verified before it was signed. */
  readonly release: ReleaseData;
  readonly key: AttestedKey["kind"];
  /** SHA-256 of the key's SPKI. */
  readonly fingerprint: Digest;
  /** Trusted times, ISO 8601. */
  readonly challengedAt: string;
  readonly signedAt: string;
}

/** A proof of being attested counts for five minutes (service-state.ts), and none is made while evidence is read. */
const mostEvidenceMilliseconds = 2 * 60_000;

/**
 * Verifies an image under the measured policy, then signs it: one key, one quote, one statement, with everything that
 * anybody needs to verify it years later. Nothing is published that its own verification would not accept.
 *
 * Throws RELEASE_REFUSED or EVIDENCE_UNAVAILABLE for an image that does not verify, ATTESTED_POLICY_HAS_TEE (usage), ATTESTED_CLOCK, ATTESTED_TIME_INVALID,
 * ATTESTED_SELF_CHECK (refused), and what attester, collateral, authorities and registry throw.
 */
export async function signAttested(
  client: RegistryClient,
  signer: AttestedSigner,
  reference: Reference,
  signal?: AbortSignal,
): Promise<AttestedSignature> {
  requireSignerPolicy(signer.policy);
  const { repository, digest, resolved, subject } = await resolveSubjects(client, reference);
  // From here on the digest alone: the same bytes are verified and signed.
  const named = parseDigestReference(formatDigestReference(repository, digest));
  // First of all: for what does not verify nobody is asked for a key or a time, whoever pushed it.
  const release = await verified(client, signer, named);
  signal?.throwIfAborted();
  const { privateKey, spki } = await keyOf(signer.key, signal);
  const challenge = await stampByClock(signer, challengeImprint(spki), signal);

  const policy = policyDigest(signer.policy);
  const predicate: TdxSignerPredicate = { schema: 1, key: signer.key.kind, policy, challenge: digestOf(challenge) };
  const payload = writeStatement({
    subject: [{ name: repository, digest: { sha256: digest.slice("sha256:".length) } }],
    predicateType: predicateTypes.tdxSigner,
    predicate,
  });
  const signature = sign("sha256", preAuthenticationEncoding(payloadType, payload), privateKey);
  const evidence = await signer.attester.attest(reportData({ spki, payload, policy, challenge }), signal);
  const collateral = await signer.collateral.collateralFor(evidence.quote, signal);
  const imprint = stampImprint(evidence.quote, signature);
  const timestamps: Uint8Array[] = [];
  for (const stamp of signer.timestamps) timestamps.push(await stamp(imprint, signal));

  const document: TdxEvidenceDocument = { payload, signature, spki, challenge, timestamps, ...evidence, collateral };
  const bytes = writeEvidenceDocument(document);
  const times = examine(signer, bytes, digest);
  signal?.throwIfAborted();
  const attached = unwrap(
    await client.attach(repository, subject, evidenceAttachment(bytes)),
    `a referrer of ${resolved}`,
  );
  return {
    resolved,
    referrer: attached.descriptor.digest,
    listedBy: attached.listedBy,
    release,
    key: signer.key.kind,
    fingerprint: digestOf(spki),
    ...times,
  };
}

async function keyOf(key: AttestedKey, signal?: AbortSignal): Promise<{ privateKey: KeyObject; spki: Uint8Array }> {
  const privateKey =
    key.kind === "kbs-key"
      ? await key.fetch(signal)
      : generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
  return { privateKey, spki: createPublicKey(privateKey).export({ format: "der", type: "spki" }) };
}

async function verified(client: RegistryClient, signer: AttestedSigner, reference: Reference): Promise<ReleaseData> {
  const { policy, trustedRoot } = signer;
  const { resolved, result } = await verifyImage(client, {
    reference,
    policy,
    trustedRoot,
    now: signer.now(),
    tee: undefined,
    maxMilliseconds: mostEvidenceMilliseconds,
  });
  if (!result.ok) throw releaseRefused(resolved, policy.name, result.findings);
  return result.proof.data;
}

/** What everybody else will check, checked here on the bytes that they will read: what none would accept is not published. */
function examine(
  { policy, trustedRoot, trust, now }: AttestedSigner,
  bytes: Uint8Array,
  subject: Digest,
): { readonly challengedAt: string; readonly signedAt: string } {
  const read = readEvidenceDocument(bytes);
  if (!read.ok) throw selfCheck([`evidence document: ${read.fault}`]);
  const examined = examineOwnSignature(read.document, { subject, policy, trustedRoot, trust, now: now() });
  if (examined.ok) {
    const { challengedAt, stampedAt } = examined.proof.times;
    return { challengedAt: challengedAt.toISOString(), signedAt: stampedAt[0].toISOString() };
  }
  throw selfCheck(examined.findings.map(describeFinding));
}

function selfCheck(details: readonly string[]): Failure {
  return new Failure({
    code: "ATTESTED_SELF_CHECK",
    kind: "refused",
    message: "The signature that this trust domain made would not verify, so it was not published.",
    remedy: "Mend what each line says: the platform, its collateral, the clock, or the image that was booted.",
    details,
  });
}
