import { z } from "zod";
import { payloadType } from "../intoto/statement.ts";
import { canonicalBytes } from "../json/canonical-json.ts";
import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import { mediaTypes } from "../oci/formats.ts";
import type { Attachment } from "../oci/referrer-builder.ts";
import { safeParse } from "../safe-parse.ts";
import { schemaFaults } from "../schema-faults.ts";
import { decodeBase64 } from "../sigstore/base64.ts";
import { timestampBytesMost } from "../sigstore/timestamp-size.ts";
import { chainBytesMost } from "./certificate-chain.ts";
import type { Collateral } from "./contract.ts";
import { eventLogLimits } from "./parse-event-log.ts";
import { quoteBytesMost } from "./quote.ts";
import { crlBytesMost } from "./revocation-list.ts";
import { statementBytesMost } from "./signed-statement.ts";

/**
 * An attested signature as it is attached to an image: one document, so that nobody can part a signature from its
 * evidence. It holds a DSSE envelope with an in-toto statement, and what proves where its key was
 * (docs/decisions/0013-tee-evidence.md).
 */

/** Of the document; a real one has some 100 KiB, mostly event log and collateral. */
export const maxEvidenceBytes = 4 * 1024 * 1024;
/** Time-stamp authorities of one signature. */
export const mostTimestamps = 4;

/** An attested signature with its evidence, in bytes. */
export interface TdxEvidenceDocument {
  /** The in-toto statement, as it was signed. */
  readonly payload: Uint8Array;
  /** ECDSA P-256 with SHA-256 over the envelope's pre-authentication encoding, DER. */
  readonly signature: Uint8Array;
  /** The key's SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** RFC 3161 response over `challengeImprint`: the quote is newer than its time. */
  readonly challenge: Uint8Array;
  /** RFC 3161 responses over `stampImprint`: quote and signature are older than their times. */
  readonly timestamps: readonly Uint8Array[];
  readonly quote: Uint8Array;
  readonly eventLog: Uint8Array;
  readonly collateral: Collateral;
}

const bytes = (most: number) =>
  z
    .string()
    .max(Math.ceil(most / 3) * 4)
    .transform((text, context) => {
      const decoded = decodeBase64(text);
      if (decoded !== undefined && decoded.length > 0) return new Uint8Array(decoded);
      context.addIssue({ code: "custom", message: "must be canonical base64, not empty" });
      return z.NEVER;
    });
const kib = 1024;
// The bounds of who makes and reads each part: what a signer can be given, its document can carry.
const pem = z.string().min(1).max(chainBytesMost);
const signedText = z.string().min(1).max(statementBytesMost);

const collateralSchema = z.strictObject({
  rootCaCrl: bytes(crlBytesMost),
  pckCrl: bytes(crlBytesMost),
  pckCrlIssuerChain: pem,
  tcbInfo: signedText,
  tcbInfoSignature: bytes(64),
  tcbInfoIssuerChain: pem,
  qeIdentity: signedText,
  qeIdentitySignature: bytes(64),
  qeIdentityIssuerChain: pem,
});

const documentSchema = z.strictObject({
  schema: z.literal(1),
  envelope: z.strictObject({
    payloadType: z.literal(payloadType),
    payload: bytes(64 * kib),
    signatures: z.tuple([z.strictObject({ sig: bytes(256) })]),
  }),
  key: bytes(kib),
  challenge: bytes(timestampBytesMost),
  timestamps: z.array(bytes(timestampBytesMost)).min(1).max(mostTimestamps),
  quote: bytes(quoteBytesMost),
  eventLog: bytes(eventLogLimits.bytes),
  collateral: collateralSchema,
});

export type ReadEvidenceDocument =
  | { readonly ok: true; readonly document: TdxEvidenceDocument }
  /** What is wrong with it, in words. */
  | { readonly ok: false; readonly fault: string };

/** Reads a document strictly: no unknown or duplicate keys, canonical base64, bounded sizes. Nothing in it is believed yet. */
export function readEvidenceDocument(input: Uint8Array): ReadEvidenceDocument {
  const json = parseStrictJson(input, { maxBytes: maxEvidenceBytes, maxDepth: 8 });
  if (!json.ok) return { ok: false, fault: describeJsonProblem(json.problem) };
  const parsed = safeParse(documentSchema, json.value);
  if (!parsed.success) {
    const faults = schemaFaults(parsed.error, json.value).slice(0, 5);
    return { ok: false, fault: faults.map(({ path, allowed }) => `${path}: ${allowed}`).join("; ") };
  }
  const { envelope, key, challenge, timestamps, quote, eventLog, collateral } = parsed.data;
  const [{ sig }] = envelope.signatures;
  const signature = { payload: envelope.payload, signature: sig, spki: key };
  return { ok: true, document: { ...signature, challenge, timestamps, quote, eventLog, collateral } };
}

const base64 = (value: Uint8Array): string => Buffer.from(value).toString("base64");

/** The document's RFC 8785 bytes. */
export function writeEvidenceDocument(document: TdxEvidenceDocument): Uint8Array {
  const { collateral } = document;
  return canonicalBytes({
    schema: 1,
    envelope: {
      payloadType,
      payload: base64(document.payload),
      signatures: [{ sig: base64(document.signature) }],
    },
    key: base64(document.spki),
    challenge: base64(document.challenge),
    timestamps: document.timestamps.map(base64),
    quote: base64(document.quote),
    eventLog: base64(document.eventLog),
    collateral: {
      ...collateral,
      rootCaCrl: base64(collateral.rootCaCrl),
      pckCrl: base64(collateral.pckCrl),
      tcbInfoSignature: base64(collateral.tcbInfoSignature),
      qeIdentitySignature: base64(collateral.qeIdentitySignature),
    },
  });
}

/** The document as what is attached to its image. */
export function evidenceAttachment(document: Uint8Array): Attachment {
  return { artifactType: mediaTypes.tdxEvidence, layer: document, layerMediaType: mediaTypes.tdxEvidence };
}
