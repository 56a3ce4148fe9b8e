import type { TransparencyLogEntry } from "@sigstore/bundle";
import { RFC3161Timestamp, crypto } from "@sigstore/core";
import type { X509Certificate } from "@sigstore/core";
import { VerificationError, Verifier, toSignedEntity } from "@sigstore/verify";
import type { SignedEntity } from "@sigstore/verify";
import { Failure, reasonOf } from "../failure.ts";
import { sha256Hex } from "../oci/digest.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked, Finding, FindingCode } from "../verify/finding.ts";
import { readBundle } from "./bundle-format.ts";
import type { ReadBundle } from "./bundle-format.ts";
import { remembering } from "./certificate-memory.ts";
import { readCertificateClaims } from "./certificate-claims.ts";
import type { BundleThresholds, SignedContent, TrustedTime, VerifiedBundle } from "./contract.ts";
import { logEntryFault } from "./log-entries.ts";
import { messageAlgorithm, messageSignatureContent } from "./message-signature.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";
import { withoutStackTraces } from "./without-stack-traces.ts";

type RefusalCode = Exclude<FindingCode, "SKIPPED">;

const remedy = "Sign again with the Sigstore instance that the trusted root names, and attach the bundle unchanged.";

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
  const { name } = read.proof;

  const parts = withoutStackTraces(() => parseParts(read.proof));
  if (!parts.ok) return parts;
  const { certificate, stamps, entity } = parts.proof;
  const claims = readCertificateClaims(certificate, name);
  if (!claims.ok) return claims;
  const content = signedContent(read.proof);
  if (!content.ok) return content;

  const entries: readonly TransparencyLogEntry[] = read.proof.bundle.verificationMaterial.tlogEntries;
  const findings: Finding[] = [];
  const report = (code: RefusalCode, expected: string, found: string): void => {
    if (findings.every((finding) => finding.code !== code))
      findings.push(...refuse(code, { subject: name, expected, found, remedy }).findings);
  };

  const times = trustedTimes(entries, stamps, root);
  const fault = times.length === 0 ? undefined : libraryFault(entity, root, thresholds);
  // The library verifies the signature last, so that what it accepts is signed by the certificate's key.
  if ((times.length === 0 || fault !== undefined) && !signatureHolds(entity, certificate))
    report("BUNDLE_SIGNATURE_INVALID", "a signature by the certificate's key", "another");
  if (times.length === 0) {
    report(
      "BUNDLE_TIME_INVALID",
      "a time that a trusted log or authority signed",
      stamps.length === 0 ? "none" : "none of a trusted authority",
    );
  } else {
    if (fault !== undefined) report(fault.code, "what verifies under the trusted root", fault.found);
    for (const entry of entries) {
      const wrong = logEntryFault(entry, read.proof.leaf, root, times);
      if (wrong !== undefined) report("BUNDLE_LOG_INVALID", "entries for this signature in trusted logs", wrong);
    }
  }
  const logs = distinct(entries.map((entry) => entry.logId.keyId.toString("hex")));
  const ctLogs = distinct(certificateLogs(certificate));
  const authorities = distinct(times.filter(({ source }) => source === "tsa").map(({ authority }) => authority));
  const short = [
    shortfall("transparency log", logs.length, thresholds.tlog),
    shortfall("certificate transparency log", ctLogs.length, thresholds.ct),
    shortfall("time-stamp authority", authorities.length, thresholds.tsa),
  ].filter((part) => part !== undefined);
  if (short.length > 0) {
    report(
      "BUNDLE_THRESHOLD",
      short.map((part) => part.expected).join(", "),
      short.map((part) => part.found).join(", "),
    );
  }

  const [first, ...rest] = findings;
  if (first !== undefined) return { ok: false, findings: [first, ...rest] };
  const { notBefore, notAfter } = certificate;
  return proven({ claims: claims.proof, notBefore, notAfter, times, logs, ctLogs, content: content.proof });
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

interface Parts {
  readonly certificate: X509Certificate;
  readonly stamps: readonly RFC3161Timestamp[];
  readonly entity: SignedEntity;
}

/** Parses what the library parses late, one by one, so that a finding says which part was malformed. */
function parseParts({ name, bundle }: ReadBundle): Checked<Parts> {
  const stamps: RFC3161Timestamp[] = [];
  try {
    for (const { signedTimestamp } of bundle.verificationMaterial.timestampVerificationData?.rfc3161Timestamps ?? []) {
      const stamp = RFC3161Timestamp.parse(Buffer.from(signedTimestamp));
      if (Number.isNaN(stamp.signingTime.getTime())) throw new Error("not a time");
      stamps.push(stamp);
    }
  } catch (error) {
    // The library reads a fraction of a second only with three digits; others are refused here, never misread.
    return refuse("BUNDLE_TIME_INVALID", {
      subject: name,
      expected: "RFC 3161 time stamps",
      found: reasonOf(error),
      remedy,
    });
  }
  try {
    const entity = toSignedEntity(withoutStamps(bundle));
    if (entity.key.$case !== "certificate") throw new Error("it holds no certificate");
    const certificate = remembering(entity.key.certificate);
    if (!(certificate.notBefore <= certificate.notAfter)) throw new Error("it has no period of validity");
    const message = bundle.content.$case === "messageSignature" ? bundle.content.messageSignature : undefined;
    const timestamps = stamps.map((timestamp) => ({ $case: "timestamp-authority", timestamp }) as const);
    return proven({
      certificate,
      stamps,
      entity: {
        ...entity,
        timestamps: [...entity.timestamps, ...timestamps],
        ...(message === undefined ? {} : { signature: messageSignatureContent(message) }),
      },
    });
  } catch (error) {
    return refuse("BUNDLE_CERTIFICATE_INVALID", {
      subject: name,
      expected: "an X.509 certificate",
      found: reasonOf(error),
      remedy,
    });
  }
}

/** The bundle for the library, which would parse the stamps once more. */
function withoutStamps(bundle: ReadBundle["bundle"]): ReadBundle["bundle"] {
  return {
    ...bundle,
    verificationMaterial: { ...bundle.verificationMaterial, timestampVerificationData: undefined },
  };
}

function signedContent({ name, bundle }: ReadBundle): Checked<SignedContent> {
  if (bundle.content.$case === "dsseEnvelope") {
    const { payloadType, payload } = bundle.content.dsseEnvelope;
    return proven({ kind: "dsse", payloadType, payload: new Uint8Array(payload) });
  }
  const { algorithm: number, digest } = bundle.content.messageSignature.messageDigest;
  const algorithm = messageAlgorithm(number);
  const sizes = { sha256: 32, sha384: 48, sha512: 64 } as const;
  if (algorithm === undefined || digest.length !== sizes[algorithm]) {
    return refuse("BUNDLE_INVALID", {
      subject: name,
      expected: "a SHA-2 digest",
      found: `${digest.length} bytes`,
      remedy,
    });
  }
  return proven({ kind: "message", algorithm, digest: digest.toString("hex") });
}

function signatureHolds(entity: SignedEntity, certificate: X509Certificate): boolean {
  try {
    return entity.signature.verifySignature(crypto.createPublicKey(certificate.publicKey));
  } catch {
    return false;
  }
}

/**
 * The times that count once the library has verified what they rest on: a log's only with its promise (a signed entry
 * timestamp: without it, integratedTime is anybody's word), an authority's only when the trusted root names it.
 */
function trustedTimes(
  entries: readonly TransparencyLogEntry[],
  stamps: readonly RFC3161Timestamp[],
  root: TrustedRootMaterial,
): TrustedTime[] {
  const times: TrustedTime[] = [];
  for (const entry of entries) {
    const seconds = Number(entry.integratedTime);
    if (entry.inclusionPromise === undefined || !Number.isSafeInteger(seconds) || seconds <= 0) continue;
    times.push({ source: "tlog", time: new Date(seconds * 1000), authority: entry.logId.keyId.toString("hex") });
  }
  for (const stamp of stamps) {
    const authority = authorityOf(stamp, root);
    if (authority !== undefined) times.push({ source: "tsa", time: stamp.signingTime, authority });
  }
  return times;
}

/** The authority is its root's key: two tokens, or two signing certificates, of one authority count once. */
function authorityOf(stamp: RFC3161Timestamp, root: TrustedRootMaterial): string | undefined {
  const chain = root.material.timestampAuthorities.find(({ certChain: [signer], validFor }) => {
    if (signer === undefined || validFor.start > stamp.signingTime || stamp.signingTime > validFor.end) return false;
    return signer.serialNumber.equals(stamp.signerSerialNumber) && signer.issuer.equals(stamp.signerIssuer);
  })?.certChain;
  const anchor = chain?.at(-1);
  return anchor === undefined ? undefined : sha256Hex(anchor.publicKey);
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
 * Every entry, stamp and promise in the bundle must verify, whatever the thresholds. They are counted here, by distinct
 * log and authority (the library counts entries), so the library gets the least that keeps it strict: never 0.
 */
function libraryFault(
  entity: SignedEntity,
  root: TrustedRootMaterial,
  thresholds: BundleThresholds,
): { readonly code: RefusalCode; readonly found: string } | undefined {
  const empty = entity.tlogEntries.length === 0;
  const options = { tlogThreshold: empty ? 0 : 1, ctlogThreshold: Math.min(thresholds.ct, 1), timestampThreshold: 1 };
  try {
    withoutStackTraces(() => new Verifier(root.material, options).verify(entity));
    return undefined;
  } catch (error) {
    const cause = error instanceof VerificationError && error.cause !== undefined ? `: ${reasonOf(error.cause)}` : "";
    const code = error instanceof VerificationError ? codes[error.code] : "BUNDLE_INVALID";
    return { code, found: `${reasonOf(error)}${cause}` };
  }
}

function certificateLogs(certificate: X509Certificate): string[] {
  try {
    return certificate.extSCT?.signedCertificateTimestamps.map((promise) => promise.logID.toString("hex")) ?? [];
  } catch {
    return []; // malformed: the library refuses the certificate, and none is counted
  }
}

function shortfall(what: string, found: number, least: number): { expected: string; found: string } | undefined {
  if (found >= least) return undefined;
  const count = (number: number): string => `${number} distinct ${what}${number === 1 ? "" : "s"}`;
  return { expected: count(least), found: count(found) };
}

function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)].sort();
}
