import type { KeyObject } from "node:crypto";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { RFC3161Timestamp } from "@sigstore/core";
import { toSignedEntity } from "@sigstore/verify";
import type { SignedEntity, TrustMaterial } from "@sigstore/verify";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import type { ReadBundle } from "./bundle-format.ts";
import type { BundleThresholds, ProvenSignature, SignedContent } from "./contract.ts";
import { bundleReport, distinct, libraryFault, shortfall, signAgain } from "./library-verdict.ts";
import { logEntryFault } from "./log-entries.ts";
import type { EntryVerifier } from "./log-entries.ts";
import { envelopeSignatureContent, messageAlgorithm, messageSignatureContent } from "./signature-content.ts";
import { trustedTimes } from "./trusted-times.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";

/** A signature with all that is needed to prove it, whether its signer has a certificate or is a given key. */
export interface SignatureToProve {
  readonly read: ReadBundle;
  readonly entity: SignedEntity;
  readonly stamps: readonly RFC3161Timestamp[];
  /** Whom every log entry must name. */
  readonly signer: EntryVerifier;
  /** The signer's key; may throw when it can't be read. */
  readonly key: () => KeyObject;
  /** For a certificate: the distinct certificate transparency logs that promised it. */
  readonly ctLogs?: readonly string[];
  readonly root: TrustedRootMaterial;
  /** The root's material, where a given key is the one that the library finds. */
  readonly material: TrustMaterial;
  readonly thresholds: BundleThresholds;
}

/** Proves the signature, every log entry, every time stamp and the thresholds. */
export function proveSignature(input: SignatureToProve): Checked<ProvenSignature> {
  const { read, entity, signer, root, thresholds } = input;
  const content = signedContent(read);
  if (!content.ok) return content;
  const entries: readonly TransparencyLogEntry[] = read.bundle.verificationMaterial.tlogEntries;
  const report = bundleReport(read.name);
  const byCertificate = signer.kind === "certificate";

  const times = trustedTimes(entries, input.stamps, root);
  const isTimeless = times.length === 0 && byCertificate;
  const least = byCertificate ? { ct: 1, time: 1 } : { ct: 0, time: 0 };
  const fault = isTimeless ? undefined : libraryFault(entity, input.material, least);
  // The library verifies the signature, too: what it accepts is not asked again, and its own words are less clear.
  if ((isTimeless || fault !== undefined) && !signatureHolds(input))
    report.add(
      "BUNDLE_SIGNATURE_INVALID",
      `a signature by the ${byCertificate ? "certificate's" : "given"} key`,
      "another",
    );
  if (isTimeless) {
    report.add(
      "BUNDLE_TIME_INVALID",
      "a time that a trusted log or authority signed",
      input.stamps.length === 0 ? "none" : "none of a trusted authority",
    );
  } else {
    if (fault !== undefined) report.add(fault.code, "what verifies under the trusted root", fault.found);
    for (const entry of entries) {
      const wrong = logEntryFault(entry, signer, root, times);
      if (wrong !== undefined) report.add("BUNDLE_LOG_INVALID", "entries for this signature in trusted logs", wrong);
    }
  }
  const logs = distinct(entries.map((entry) => entry.logId.keyId.toString("hex")));
  const authorities = distinct(times.filter(({ source }) => source === "tsa").map(({ authority }) => authority));
  const short = [
    shortfall("transparency log", logs.length, thresholds.tlog),
    byCertificate ? shortfall("certificate transparency log", input.ctLogs?.length ?? 0, thresholds.ct) : undefined,
    shortfall("time-stamp authority", authorities.length, thresholds.tsa),
  ].filter((part) => part !== undefined);
  if (short.length > 0) {
    report.add(
      "BUNDLE_THRESHOLD",
      short.map((part) => part.expected).join(", "),
      short.map((part) => part.found).join(", "),
    );
  }
  const [first, ...rest] = report.findings;
  if (first !== undefined) return { ok: false, findings: [first, ...rest] };
  return proven({ times, logs, content: content.proof });
}

/**
 * What the library takes, with the verification of the signature itself ours, and the stamps that were parsed already, which
 * it would parse once more; throws when a part can't be parsed.
 */
export function signedEntity({ bundle }: ReadBundle, stamps: readonly RFC3161Timestamp[]): SignedEntity {
  const verificationMaterial = { ...bundle.verificationMaterial, timestampVerificationData: undefined };
  const entity = toSignedEntity({ ...bundle, verificationMaterial });
  const { content } = bundle;
  const signature =
    content.$case === "messageSignature"
      ? messageSignatureContent(content.messageSignature)
      : envelopeSignatureContent(entity.signature, content.dsseEnvelope);
  const timestamps = stamps.map((timestamp) => ({ $case: "timestamp-authority", timestamp }) as const);
  return { ...entity, signature, timestamps: [...entity.timestamps, ...timestamps] };
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
      remedy: signAgain,
    });
  }
  return proven({ kind: "message", algorithm, digest: digest.toString("hex") });
}

function signatureHolds({ entity, key }: SignatureToProve): boolean {
  try {
    return entity.signature.verifySignature(key());
  } catch {
    return false;
  }
}
