import { X509Certificate, crypto } from "@sigstore/core";
import type { RFC3161Timestamp } from "@sigstore/core";
import type { SignedEntity } from "@sigstore/verify";
import { Failure, reasonOf } from "../failure.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import { readBundle, readKeyedBundle } from "./bundle-format.ts";
import type { CertificateBundle, ReadBundle } from "./bundle-format.ts";
import { readCertificateClaims } from "./certificate-claims.ts";
import { remembering } from "./certificate-memory.ts";
import type { BundleThresholds, KeyedBundle, VerifiedBundle } from "./contract.ts";
import { distinct, signAgain } from "./library-verdict.ts";
import { proveSignature, signedEntity } from "./prove-signature.ts";
import type { TrustedKey } from "./public-key.ts";
import { parseStamps } from "./trusted-times.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";
import { withoutStackTraces } from "./without-stack-traces.ts";

/**
 * Verifies all that is cryptography in a bundle: the signature, the certificate's chain and its promise in a
 * certificate transparency log, every log entry, every time stamp, and the thresholds, counted by distinct log and
 * authority. Says nothing about who signed what: that is the caller's part (verifyBundle, verifyRelease).
 *
 * Behind it is `@sigstore/verify`; whatever that throws becomes a finding. Throws only THRESHOLD_INVALID (usage).
 */
export function verifyBundleCryptography(
  bytes: Uint8Array,
  root: TrustedRootMaterial,
  thresholds: BundleThresholds,
): Checked<VerifiedBundle> {
  assertThresholds(thresholds);
  const read = readBundle(bytes);
  if (!read.ok) return read;
  const stamps = withoutStackTraces(() => parseStamps(read.proof));
  if (!stamps.ok) return stamps;
  const certified = withoutStackTraces(() => parseCertificate(read.proof, stamps.proof));
  if (!certified.ok) return certified;
  const { certificate, entity } = certified.proof;
  const claims = readCertificateClaims(certificate, read.proof.name);
  if (!claims.ok) return claims;

  const ctLogs = distinct(certificateLogs(certificate));
  const signature = proveSignature({
    read: read.proof,
    entity,
    stamps: stamps.proof,
    signer: { kind: "certificate", der: read.proof.leaf },
    key: () => crypto.createPublicKey(certificate.publicKey),
    ctLogs,
    root,
    material: root.material,
    thresholds,
  });
  if (!signature.ok) return signature;
  const { notBefore, notAfter } = certificate;
  return proven({ claims: claims.proof, notBefore, notAfter, ctLogs, ...signature.proof });
}

/**
 * The same for a bundle that was signed with a key which the caller gives: every log entry must name this very key.
 * Entries and thresholds are as for certificates (`ct` has no meaning here); a trusted time may lack, see KeyedBundle.
 * A bundle with a certificate is refused with BUNDLE_CERTIFICATE_NOT_KEY.
 */
export function verifyKeyedCryptography(
  bytes: Uint8Array,
  { key, spki, sha256 }: TrustedKey,
  root: TrustedRootMaterial,
  thresholds: BundleThresholds,
): Checked<KeyedBundle> {
  assertThresholds(thresholds);
  const read = readKeyedBundle(bytes);
  if (!read.ok) return read;
  const stamps = withoutStackTraces(() => parseStamps(read.proof));
  if (!stamps.ok) return stamps;
  const entity = keyedEntity(read.proof, stamps.proof);
  if (!entity.ok) return entity;

  const signature = proveSignature({
    read: read.proof,
    entity: entity.proof,
    stamps: stamps.proof,
    signer: { kind: "key", der: spki },
    key: () => key,
    root,
    // Whatever the hint says, the key is the given one.
    material: { ...root.material, publicKey: () => ({ publicKey: key, validFor: () => true }) },
    thresholds,
  });
  return signature.ok ? proven({ key: sha256, ...signature.proof }) : signature;
}

function assertThresholds({ tlog, ct, tsa }: BundleThresholds): void {
  const whole = [tlog, ct, tsa].every((value) => Number.isSafeInteger(value));
  if (whole && tlog >= 1 && ct >= 1 && tsa >= 0) return;
  throw new Failure({
    code: "THRESHOLD_INVALID",
    kind: "usage",
    message: `The thresholds tlog ${tlog}, ct ${ct}, tsa ${tsa} would let unproven signatures pass.`,
    remedy: "Demand at least one transparency log and one certificate transparency log; tsa may be 0.",
  });
}

interface CertifiedEntity {
  readonly certificate: X509Certificate;
  readonly entity: SignedEntity;
}

/** Parses what the library parses late, so that a finding says which part was malformed. */
function parseCertificate(read: CertificateBundle, stamps: readonly RFC3161Timestamp[]): Checked<CertifiedEntity> {
  try {
    refuseSelfSigned(read);
    const entity = signedEntity(read, stamps);
    if (entity.key.$case !== "certificate") throw new Error("it holds no certificate");
    const certificate = remembering(entity.key.certificate);
    if (!(certificate.notBefore <= certificate.notAfter)) throw new Error("it has no period of validity");
    return proven({ certificate, entity });
  } catch (error) {
    return refuse("BUNDLE_CERTIFICATE_INVALID", {
      subject: read.name,
      expected: "an X.509 certificate",
      found: reasonOf(error),
      remedy: signAgain,
    });
  }
}

/**
 * A chain may hold intermediates, which are not used here, but no root (sigstore-conformance, bundle-with-root-cert):
 * trust comes from the trusted root alone, and a bundle that brings its own was made to be believed.
 */
function refuseSelfSigned({ bundle }: ReadBundle): void {
  const { content } = bundle.verificationMaterial;
  if (content.$case !== "x509CertificateChain") return;
  for (const { rawBytes } of content.x509CertificateChain.certificates) {
    const { issuer, subject } = X509Certificate.parse(Buffer.from(rawBytes));
    if (issuer.equals(subject)) throw new Error("its chain holds a root certificate");
  }
}

function keyedEntity(read: ReadBundle, stamps: readonly RFC3161Timestamp[]): Checked<SignedEntity> {
  try {
    return proven(signedEntity(read, stamps));
  } catch (error) {
    return refuse("BUNDLE_INVALID", {
      subject: read.name,
      expected: "a Sigstore bundle",
      found: reasonOf(error),
      remedy: signAgain,
    });
  }
}

function certificateLogs(certificate: X509Certificate): string[] {
  try {
    return certificate.extSCT?.signedCertificateTimestamps.map((promise) => promise.logID.toString("hex")) ?? [];
  } catch {
    return []; // malformed: the library refuses the certificate, and none is counted
  }
}
