import { createHash, createPublicKey } from "node:crypto";
import { TransparencyLogEntry } from "@sigstore/protobuf-specs";
import { InternalError } from "@sigstore/sign";
import type { Witness } from "@sigstore/sign";
import { preAuthenticationEncoding } from "../../core/intoto/pre-authentication-encoding.ts";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { sendRequest } from "../web/request.ts";

/** The library's error for a log that did not take an entry; signingFailure reads the status from its cause. */
function logError(message: string, status?: number): InternalError {
  const cause = Object.assign(new Error(message), status === undefined ? { code: message } : { statusCode: status });
  return new InternalError({ code: "TLOG_CREATE_ENTRY_ERROR", message: "error creating tlog entry", cause });
}

/**
 * Enters an envelope's signature by a plain public key into Rekor v2 (rekor-tiles, hashedRekordRequestV002, of the
 * envelope's pre-authentication encoding). The library can name a certificate there only.
 */
export function publicKeyWitness(
  url: string,
  options: { readonly retry: number; readonly timeout: number; readonly signal: AbortSignal | undefined },
): Witness {
  return {
    async testify(content, publicKey) {
      if (content.$case !== "dsseEnvelope") throw logError("only envelopes are entered");
      const { payload, payloadType, signatures } = content.dsseEnvelope;
      const digest = createHash("sha256").update(preAuthenticationEncoding(payloadType, payload)).digest("base64");
      const rawBytes = createPublicKey(publicKey).export({ format: "der", type: "spki" }).toString("base64");
      const signature = {
        content: (signatures[0]?.sig ?? Buffer.alloc(0)).toString("base64"),
        verifier: { keyDetails: "PKIX_ECDSA_P256_SHA_256", publicKey: { rawBytes } },
      };
      const answer = await sendRequest({
        method: "POST",
        url: `${url}/api/v2/log/entries`,
        headers: { accept: "application/json", "content-type": "application/json" },
        body: JSON.stringify({ hashedRekordRequestV002: { digest, signature } }),
        maxBytes: 1024 * 1024,
        timeoutMilliseconds: options.timeout,
        retries: options.retry,
        signal: options.signal,
      });
      if (answer.kind === "failed") throw logError(answer.detail);
      if (answer.status !== 200 && answer.status !== 201) throw logError(words(answer.body), answer.status);
      return { tlogEntries: [entryOf(answer.body)] };
    },
  };
}

function words(body: Uint8Array): string {
  const json = parseStrictJson(body, { maxDepth: 8 });
  const message = json.ok && typeof json.value === "object" && json.value !== null && "message" in json.value;
  return message ? String((json.value as Record<string, unknown>)["message"]) : "";
}

function entryOf(body: Uint8Array) {
  const json = parseStrictJson(body, { maxDepth: 16 });
  if (!json.ok) throw logError("the log's answer is no entry");
  try {
    const { logId, kindVersion, ...entry } = TransparencyLogEntry.fromJSON(json.value);
    if (logId === undefined || kindVersion === undefined) throw logError("the log's answer is no entry");
    return { ...entry, logId, kindVersion };
  } catch (error) {
    throw error instanceof InternalError ? error : logError("the log's answer is no entry");
  }
}
