import { setTimeout as wait } from "node:timers/promises";
import { readCapped } from "../registry/body.ts";

/** One request to a service that is no registry: bounded in time and size, tried again, never redirected. */
export interface WebRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the answer. */
  readonly maxBytes: number;
  /** For each try. */
  readonly timeoutMilliseconds: number;
  /** After a 408, 429 or 5xx, or a failed connection. */
  readonly retries: number;
  /** Ends the request; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export type WebAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly headers: Headers; readonly body: Uint8Array }
  /** Nothing that can be called an answer. The detail is a code or plain words, and quotes neither address nor header. */
  | { readonly kind: "failed"; readonly detail: string };

const firstWaitMilliseconds = 500;

/** Sends it. A redirect is an answer like any other: credentials go nowhere but to the address that was given. */
export async function sendRequest(request: WebRequest): Promise<WebAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    const answer = await attemptRequest(request);
    const passing = answer.kind === "failed" || [408, 429].includes(answer.status) || answer.status >= 500;
    if (!passing || attempt >= request.retries) return answer;
    try {
      await wait(firstWaitMilliseconds * 2 ** attempt, undefined, { signal: request.signal });
    } catch (error) {
      request.signal?.throwIfAborted();
      throw error;
    }
  }
}

async function attemptRequest(request: WebRequest): Promise<WebAnswer> {
  const { method, url, headers, body, maxBytes, timeoutMilliseconds, signal } = request;
  signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMilliseconds);
  try {
    const response = await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      redirect: "manual",
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    });
    const bytes = await readCapped(response, maxBytes);
    if (bytes === undefined) return { kind: "failed", detail: `more than ${maxBytes} bytes` };
    return { kind: "answer", status: response.status, headers: response.headers, body: bytes };
  } catch (error) {
    signal?.throwIfAborted();
    if (timeout.aborted) return { kind: "failed", detail: `no answer within ${timeoutMilliseconds} ms` };
    return { kind: "failed", detail: connectionFault(error) };
  }
}

/** The system's code alone: the HTTP library's messages may quote addresses and headers. */
function connectionFault(error: unknown): string {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    if ("code" in cause && typeof cause.code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(cause.code))
      return cause.code;
  }
  return "the connection failed";
}
