import { HashAlgorithm } from "@sigstore/protobuf-specs";
import { z } from "zod";
import { decodeBase64 } from "./base64.ts";

/**
 * The JSON form of protobuf-specs' sigstore_bundle.proto. Stricter than proto3's JSON mapping allows readers to be:
 * unknown keys, field names in snake_case and base64 in another form than the canonical one are refused, as no Sigstore
 * client writes them. As wide as it where clients do differ: numbers of 64 bits as text or number, enums by name or
 * number, and (before this schema) null for an absent field.
 */

export const bundleMediaTypes = [
  "application/vnd.dev.sigstore.bundle+json;version=0.1",
  "application/vnd.dev.sigstore.bundle+json;version=0.2",
  "application/vnd.dev.sigstore.bundle+json;version=0.3",
  "application/vnd.dev.sigstore.bundle.v0.3+json",
] as const;

/** 24 MiB: an attested SBOM of 16 MiB, the largest that GitHub's attest action makes, in base64. */
export const maxBundleBytes = 24 * 1024 * 1024;

const base64 = z.string().refine((text) => decodeBase64(text) !== undefined, "must be canonical base64");
const bytes = (most: number) => base64.min(1, "must not be empty").max(Math.ceil(most / 3) * 4);
const count = z.union([z.string().regex(/^(?:0|[1-9][0-9]{0,18})$/), z.int().nonnegative()], {
  error: "must be a whole number",
});
const kib = 1024;

const certificate = z.strictObject({ rawBytes: bytes(64 * kib) });
const logEntry = z.strictObject({
  logIndex: count.optional(),
  logId: z.strictObject({ keyId: bytes(64) }),
  kindVersion: z.strictObject({ kind: z.string().max(64), version: z.string().max(64) }),
  integratedTime: count.optional(),
  inclusionPromise: z.strictObject({ signedEntryTimestamp: bytes(4 * kib) }).optional(),
  inclusionProof: z
    .strictObject({
      logIndex: count.optional(),
      rootHash: bytes(64),
      treeSize: count,
      hashes: z.array(bytes(64)).max(64).optional(),
      // May lack in v0.1 only, and then the proof proves nothing: see withoutUnsignedProofs.
      checkpoint: z.strictObject({ envelope: z.string().max(64 * kib) }).optional(),
    })
    .optional(),
  canonicalizedBody: bytes(maxBundleBytes),
});

const algorithm = z.union([
  z.enum(["SHA2_256", "SHA2_384", "SHA2_512"]),
  z.literal([HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512]),
]);

export const bundleSchema = z.strictObject({
  mediaType: z.enum(bundleMediaTypes),
  verificationMaterial: z.strictObject({
    certificate: certificate.optional(),
    x509CertificateChain: z.strictObject({ certificates: z.array(certificate).min(1).max(10) }).optional(),
    publicKey: z.looseObject({}).optional(),
    tlogEntries: z.array(logEntry).max(16).optional(),
    timestampVerificationData: z
      .strictObject({
        rfc3161Timestamps: z
          .array(z.strictObject({ signedTimestamp: bytes(64 * kib) }))
          .max(16)
          .optional(),
      })
      .optional(),
  }),
  dsseEnvelope: z
    .strictObject({
      payload: bytes(maxBundleBytes),
      payloadType: z.string().max(256),
      signatures: z
        .array(z.strictObject({ sig: bytes(4 * kib), keyid: z.string().max(256).optional() }))
        .length(1, "must be exactly one signature"),
    })
    .optional(),
  messageSignature: z
    .strictObject({
      messageDigest: z.strictObject({ algorithm, digest: bytes(64) }),
      signature: bytes(4 * kib),
    })
    .optional(),
});

export type BundleDocument = z.infer<typeof bundleSchema>;
