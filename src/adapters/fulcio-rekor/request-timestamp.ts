import { hash } from "node:crypto";
import { Failure } from "../../core/failure.ts";
import { timestampBytesMost } from "../../core/sigstore/timestamp-size.ts";
import { sendRequest } from "../web/request.ts";
import { keepLoopbackDirect } from "./loopback-direct.ts";

export interface TimestampRequest {
  /** The authority's address, as signing configurations have it: with its path, or without one for `/api/v1/timestamp`. */
  readonly url: string;
  /** What is stamped; only its SHA-256 is sent. */
  readonly data: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** 10 s unless given. */
  readonly timeoutMilliseconds?: number;
}

/**
 * An RFC 3161 response of a time-stamp authority (its JSON interface: sigstore/timestamp-authority, openapi.yaml), DER,
 * unverified. Throws SIGNING_TSA_REFUSED (usage) or SIGNING_TSA_UNAVAILABLE (unavailable).
 */
export async function requestTimestamp(request: TimestampRequest): Promise<Uint8Array> {
  const { url, data, signal, timeoutMilliseconds = 10_000 } = request;
  keepLoopbackDirect([url]);
  const answer = await sendRequest({
    method: "POST",
    url: new URL(url).pathname === "/" ? `${url.replace(/\/+$/, "")}/api/v1/timestamp` : url,
    headers: { "content-type": "application/json", accept: "application/timestamp-reply" },
    body: JSON.stringify({ artifactHash: hash("sha256", data, "base64"), hashAlgorithm: "sha256" }),
    maxBytes: timestampBytesMost,
    timeoutMilliseconds,
    retries: 2,
    signal,
  });
  if (answer.kind === "answer" && (answer.status === 200 || answer.status === 201)) return answer.body;
  const refused = answer.kind === "answer" && answer.status >= 400 && answer.status < 500 && answer.status !== 429;
  const detail = answer.kind === "answer" ? `HTTP ${answer.status}` : answer.detail;
  throw new Failure({
    code: refused ? "SIGNING_TSA_REFUSED" : "SIGNING_TSA_UNAVAILABLE",
    kind: refused ? "usage" : "unavailable",
    message: `The time-stamp authority ${new URL(url).host} gave no time stamp (${detail}).`,
    remedy: refused ? "Check the authority's address." : "Try again when the authority can be reached.",
  });
}
