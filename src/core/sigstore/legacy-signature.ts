import { z } from "zod";
import { parseStrictJson } from "../json/strict-json.ts";
import { sha256Hex } from "../oci/digest.ts";
import { safeParse } from "../safe-parse.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import { decodeBase64 } from "./base64.ts";

/**
 * cosign's older signature (cosign, specs/SIGNATURE_SPEC.md): a layer whose bytes are the signed payload and whose annotations hold
 * the rest. It is written anew as a Sigstore bundle v0.1 with a message signature over the payload, so that one verifier
 * judges both forms: signature, certificate, promise of the log and time are checked as those of any bundle.
 */

export const legacySignatureAnnotations = {
  signature: "dev.cosignproject.cosign/signature",
  certificate: "dev.sigstore.cosign/certificate",
  bundle: "dev.sigstore.cosign/bundle",
  timestamp: "dev.sigstore.cosign/rfc3161timestamp",
} as const;

const base64 = z.string().min(1).max(65_536);
const logBundle = z.strictObject({
  SignedEntryTimestamp: base64,
  Payload: z.strictObject({
    body: base64,
    integratedTime: z.int().positive(),
    logIndex: z.int().nonnegative(),
    logID: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
const logBody = z.looseObject({ kind: z.string().max(64), apiVersion: z.string().max(64) });
const timestamp = z.strictObject({ SignedRFC3161Timestamp: base64 });

const payloadSchema = z.strictObject({
  critical: z.strictObject({
    // What the signer called the image: anybody's word, and not compared (SIGNATURE_SPEC.md).
    identity: z.looseObject({}),
    image: z.strictObject({ "docker-manifest-digest": z.string() }),
    type: z.literal("cosign container image signature"),
  }),
  optional: z.record(z.string(), z.unknown()).nullish(),
});

const mediaType = "application/vnd.dev.sigstore.bundle+json;version=0.1";
const remedy = "Sign the image again with a current client.";

function json(text: string): unknown {
  const read = parseStrictJson(new TextEncoder().encode(text));
  return read.ok ? read.value : undefined;
}

/** DER of the one certificate in a PEM text, in base64. */
function certificateOf(pem: string): string | undefined {
  const match = /^\s*-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----\s*$/.exec(pem);
  const text = match?.[1]?.replaceAll("\n", "");
  return text === undefined || decodeBase64(text) === undefined ? undefined : text;
}

/** The older form as a bundle's bytes; LEGACY_SIGNATURE_INVALID when a part is missing or malformed. */
export function legacySignatureBundle(
  payload: Uint8Array,
  annotations: Readonly<Record<string, string>>,
  subject: string,
): Checked<Uint8Array> {
  const invalid = (found: string): Checked<never> =>
    refuse("LEGACY_SIGNATURE_INVALID", {
      subject,
      expected: "a keyless signature of cosign's older form, with its log entry",
      found,
      remedy,
    });
  const annotation = (name: keyof typeof legacySignatureAnnotations): string | undefined => {
    const key = legacySignatureAnnotations[name];
    return Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  };
  const signature = annotation("signature");
  if (signature === undefined) return invalid("no signature");
  const certificate = certificateOf(annotation("certificate") ?? "");
  // A signature by a bare key, or one whose certificate can't be read, says nothing about who signed (GHSA-fx35-mq7g-6g98).
  if (certificate === undefined) return invalid("no certificate that can be read");
  const entry = safeParse(logBundle, json(annotation("bundle") ?? ""));
  if (!entry.success) return invalid("no log entry that can be read");
  const { SignedEntryTimestamp, Payload } = entry.data;
  const body = safeParse(logBody, json(decodeBase64(Payload.body)?.toString("utf8") ?? ""));
  if (!body.success) return invalid("a log entry without kind and version");
  const stampText = annotation("timestamp");
  const stamp = stampText === undefined ? undefined : safeParse(timestamp, json(stampText));
  if (stamp?.success === false) return invalid("a time stamp that can't be read");
  const bundle = {
    mediaType,
    verificationMaterial: {
      x509CertificateChain: { certificates: [{ rawBytes: certificate }] },
      tlogEntries: [
        {
          logIndex: String(Payload.logIndex),
          logId: { keyId: Buffer.from(Payload.logID, "hex").toString("base64") },
          kindVersion: { kind: body.data.kind, version: body.data.apiVersion },
          integratedTime: String(Payload.integratedTime),
          inclusionPromise: { signedEntryTimestamp: SignedEntryTimestamp },
          canonicalizedBody: Payload.body,
        },
      ],
      ...(stamp === undefined
        ? {}
        : {
            timestampVerificationData: {
              rfc3161Timestamps: [{ signedTimestamp: stamp.data.SignedRFC3161Timestamp }],
            },
          }),
    },
    messageSignature: {
      messageDigest: {
        algorithm: "SHA2_256",
        digest: Buffer.from(sha256Hex(payload), "hex").toString("base64"),
      },
      signature,
    },
  };
  return proven(new TextEncoder().encode(JSON.stringify(bundle)));
}

/** The digest that a signed payload is about; LEGACY_SIGNATURE_INVALID when it is none of cosign's. */
export function legacySignatureSubject(payload: Uint8Array, subject: string): Checked<string> {
  const read = parseStrictJson(payload, { maxBytes: 65_536, maxDepth: 16 });
  const parsed = safeParse(payloadSchema, read.ok ? read.value : undefined);
  if (parsed.success) return proven(parsed.data.critical.image["docker-manifest-digest"]);
  return refuse("LEGACY_SIGNATURE_INVALID", {
    subject,
    expected: "a payload of type cosign container image signature",
    found: "another document",
    remedy,
  });
}
