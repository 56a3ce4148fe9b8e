import { bundleFromJSON } from "@sigstore/bundle";
import type { Bundle } from "@sigstore/bundle";
import { z } from "zod";
import { reasonOf } from "../failure.ts";
import { payloadType as inTotoPayload } from "../intoto/statement.ts";
import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import { sha256Hex } from "../oci/digest.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked, FindingCode } from "../verify/finding.ts";
import { safeParse } from "../safe-parse.ts";
import { decodeBase64 } from "./base64.ts";

/**
 * Reads a Sigstore bundle (protobuf-specs, sigstore_bundle.proto, its JSON form) strictly: known media types, no
 * unknown or duplicate keys, canonical base64, bounded numbers of everything. The library's own reader accepts any
 * `v<digit>.<digit>`, ignores unknown keys and decodes base64 leniently, so that a changed bundle could still pass.
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
  inclusionPromise: z.strictObject({ signedEntryTimestamp: bytes(4 * kib) }).nullish(),
  inclusionProof: z
    .strictObject({
      logIndex: count.optional(),
      rootHash: bytes(64),
      treeSize: count,
      hashes: z.array(bytes(64)).max(64).optional(),
      checkpoint: z.strictObject({ envelope: z.string().max(64 * kib) }),
    })
    .nullish(),
  canonicalizedBody: bytes(maxBundleBytes),
});

const bundleSchema = z.strictObject({
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
      .nullish(),
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
      messageDigest: z.strictObject({ algorithm: z.enum(["SHA2_256", "SHA2_384", "SHA2_512"]), digest: bytes(64) }),
      signature: bytes(4 * kib),
    })
    .optional(),
});

/** A bundle whose form is right; nothing in it is believed yet. */
export interface ReadBundle {
  /** `bundle sha256:…`: what findings about it name. */
  readonly name: string;
  readonly bundle: Bundle;
  /** DER of the signer's certificate. */
  readonly leaf: Buffer<ArrayBuffer>;
}

/** Reads a bundle's bytes; refuses with BUNDLE_INVALID, BUNDLE_MEDIA_TYPE, BUNDLE_KEY_NOT_CERTIFICATE or STATEMENT_PAYLOAD_TYPE. */
export function readBundle(input: Uint8Array): Checked<ReadBundle> {
  const name = `bundle sha256:${sha256Hex(input)}`;
  const invalid = (
    found: string,
    code: Exclude<FindingCode, "SKIPPED"> = "BUNDLE_INVALID",
    expected = "a Sigstore bundle",
  ) =>
    refuse(code, {
      subject: name,
      expected,
      found,
      remedy: "Sign again with a current Sigstore client, and attach what it writes unchanged.",
    });

  if (input.length > maxBundleBytes)
    return invalid(`${input.length} bytes`, "BUNDLE_INVALID", `at most ${maxBundleBytes} bytes`);
  const json = parseStrictJson(input, { maxBytes: maxBundleBytes, maxDepth: 16 });
  if (!json.ok) return invalid(describeJsonProblem(json.problem));
  const mediaType = mediaTypeOf(json.value);
  if (!bundleMediaTypes.some((known) => known === mediaType)) {
    return invalid(String(mediaType).slice(0, 200), "BUNDLE_MEDIA_TYPE", `one of ${bundleMediaTypes.join(", ")}`);
  }
  const parsed = safeParse(bundleSchema, json.value);
  if (!parsed.success) {
    return invalid(
      parsed.error.issues
        .slice(0, 5)
        .map((issue) => `${issue.path.join(".")}: ${issue.message}`)
        .join("; "),
    );
  }
  const { verificationMaterial: material, dsseEnvelope, messageSignature } = parsed.data;
  if (
    material.publicKey !== undefined ||
    (material.certificate === undefined && material.x509CertificateChain === undefined)
  ) {
    const found = material.publicKey === undefined ? "no certificate" : "a public key or a hint to one";
    return invalid(found, "BUNDLE_KEY_NOT_CERTIFICATE", "the signer's certificate");
  }
  if (material.certificate !== undefined && material.x509CertificateChain !== undefined)
    return invalid("two certificates");
  if ((dsseEnvelope === undefined) === (messageSignature === undefined)) {
    return invalid("not exactly one of dsseEnvelope and messageSignature");
  }
  if (dsseEnvelope !== undefined && dsseEnvelope.payloadType !== inTotoPayload) {
    return invalid(JSON.stringify(dsseEnvelope.payloadType), "STATEMENT_PAYLOAD_TYPE", inTotoPayload);
  }
  const leafText = material.certificate?.rawBytes ?? material.x509CertificateChain?.certificates[0]?.rawBytes ?? "";
  const leaf = decodeBase64(leafText);
  if (leaf === undefined || leaf.length === 0) return invalid("an empty certificate");
  try {
    return proven({ name, bundle: bundleFromJSON(json.value), leaf });
  } catch (error) {
    return invalid(reasonOf(error));
  }
}

function mediaTypeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "mediaType" in value ? value.mediaType : undefined;
}
