import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalBytes } from "../json/canonical-json.ts";
import { parseStrictJson } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import { decodeBase64 } from "../sigstore/base64.ts";
import type { TdxEvidence } from "../tdx/contract.ts";
import { kbsRefused } from "./kbs-failure.ts";
import type { TeePublicKey } from "./tee-key.ts";

/**
 * The messages of the Request-Challenge-Attestation-Response handshake, version 0.4.0 exactly (Trustee v0.21.0,
 * kbs/src/attestation/backend.rs; kbs/docs/kbs_attestation_protocol.md still shows 0.1.1).
 */
export const protocolVersion = "0.4.0";

/** The cookie that ties attestation to challenge (kbs/src/attestation/session.rs). */
export const sessionCookieName = "kbs-session-id";

/** Trustee's `payload_request_size`: KBS answers 413 to more (2 MB; large event logs of GCP come near it, trustee#670). */
export const mostAttestationBytes = 2 * 1024 * 1024;

const nonceBytes = 32;
const reportDataBytes = 64;

/** The body of POST /kbs/v0/auth. */
export function authRequest(): Uint8Array {
  return jsonBytes({ version: protocolVersion, tee: "tdx", "extra-params": {} });
}

const challengeSchema = z.strictObject({
  nonce: z.string(),
  // For TDX KBS asks for nothing more. What it asks IBM's TEE for would have to be answered.
  "extra-params": z.union([z.literal(""), z.strictObject({})]),
});

/**
 * The nonce of KBS's answer, as text: it goes back as it came. Throws KBS_ANSWER_INVALID, or KBS_NONCE_INVALID for what is not
 * 32 bytes in standard base64.
 */
export function readChallenge(bytes: Uint8Array): string {
  const { nonce } = readAnswer(challengeSchema, bytes, "a challenge (nonce and extra-params)");
  if (decodeBase64(nonce)?.length === nonceBytes) return nonce;
  throw kbsRefused(
    "KBS_NONCE_INVALID",
    `The key broker's nonce is not ${nonceBytes} bytes in standard base64.`,
    "Ask who runs the key broker whether it is Trustee with protocol 0.4.0.",
  );
}

/**
 * What the quote is asked for: SHA-384 of the RFC 8785 form of nonce, key and additional evidence, and 16 zeros
 * (attestation-service/src/lib.rs, deps/verifier/src/tdx/mod.rs). "additional-evidence" is there even when there is none.
 */
export function rcarReportData(nonce: string, teeKey: TeePublicKey): Uint8Array {
  const reportData = new Uint8Array(reportDataBytes);
  reportData.set(runtimeDataDigest({ "additional-evidence": "", nonce, "tee-pubkey": teeKey }));
  return reportData;
}

/** SHA-384 of the RFC 8785 form: how Trustee hashes structured runtime data. */
export function runtimeDataDigest(runtimeData: unknown): Uint8Array {
  return createHash("sha384").update(canonicalBytes(runtimeData)).digest();
}

/**
 * The body of POST /kbs/v0/attest. Init data is null: GCP lets nobody set mr_config_id, which would have to bind it. Throws
 * KBS_EVIDENCE_TOO_LARGE when KBS would not read that much.
 */
export function attestRequest(nonce: string, teeKey: TeePublicKey, evidence: TdxEvidence): Uint8Array {
  const { quote, eventLog } = evidence;
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const body = jsonBytes({
    "init-data": null,
    "runtime-data": { nonce, "tee-pubkey": teeKey },
    "tee-evidence": {
      primary_evidence: { quote: base64(quote), cc_eventlog: eventLog.length === 0 ? null : base64(eventLog) },
      additional_evidence: "",
    },
  });
  if (body.length <= mostAttestationBytes) return body;
  throw kbsRefused(
    "KBS_EVIDENCE_TOO_LARGE",
    `Quote (${quote.length} bytes) and event log (${eventLog.length} bytes) are more than the ${mostAttestationBytes} bytes that the key broker reads.`,
    "Find out what fills the event log; a measured boot has some tens of kilobytes.",
  );
}

const tokenSchema = z.strictObject({
  token: z.string().regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/),
});

/** The token of KBS's answer to the attestation, not verified. Throws KBS_ANSWER_INVALID. */
export function readTokenAnswer(bytes: Uint8Array): string {
  return readAnswer(tokenSchema, bytes, "an attestation result (token)").token;
}

function readAnswer<S extends z.ZodType>(schema: S, bytes: Uint8Array, what: string): z.output<S> {
  const json = parseStrictJson(bytes, { maxDepth: 8 });
  const parsed = safeParse(schema, json.ok ? json.value : undefined);
  if (parsed.success) return parsed.data;
  // Nothing of it is quoted: a token may be in it.
  throw kbsRefused(
    "KBS_ANSWER_INVALID",
    `The key broker's answer is not ${what}, as protocol ${protocolVersion} has it.`,
    "Check that the address is that of Trustee's KBS, and its version.",
  );
}

const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
