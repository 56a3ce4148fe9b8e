import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { Failure } from "../../core/failure.ts";
import { kbsRefused, kbsUnavailable } from "../../core/kbs/kbs-failure.ts";
import type { TlsPin } from "../../core/kbs/trust.ts";
import { readCapped } from "../registry/body.ts";
import { responseOf } from "../registry/http-fetch.ts";
import { connectPinned } from "./connect-pinned.ts";

/** One request to the key broker, over a connection of its own. */
export interface KbsRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Of the answer. */
  readonly maxBytes: number;
}

export interface KbsAnswer {
  readonly status: number;
  readonly setCookies: readonly string[];
  readonly body: Uint8Array;
}

export interface ExchangeOptions {
  readonly pin: TlsPin;
  /** For each try. */
  readonly timeoutMilliseconds: number;
  /** After the first, while nothing that is an answer comes, or a 408, 429 or 5xx. */
  readonly retries: number;
  readonly signal?: AbortSignal | undefined;
}

const firstWaitMilliseconds = 200;
/** Errors of KBS's are short; an answer that is no success gets no more, whatever was allowed for a good one. */
const mostProblemBytes = 64 * 1024;

/**
 * Sends it, and again within bounds while the broker stumbles. Throws KBS_TLS_UNTRUSTED, KBS_UNREACHABLE, KBS_REDIRECTED (what is
 * sent goes to the address that was given and nowhere else), KBS_ANSWER_TOO_LARGE, or the signal's reason.
 */
export async function exchange(request: KbsRequest, options: ExchangeOptions): Promise<KbsAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    const last = attempt >= options.retries;
    try {
      const answer = await exchangeOnce(request, options);
      const passing = [408, 429].includes(answer.status) || answer.status >= 500;
      if (!passing || last) return answer;
    } catch (error) {
      if (last || !(error instanceof Failure) || error.code !== "KBS_UNREACHABLE") throw error;
    }
    await wait(firstWaitMilliseconds * 2 ** attempt, undefined, { signal: options.signal }).catch((error: unknown) => {
      options.signal?.throwIfAborted();
      throw error;
    });
  }
}

async function exchangeOnce(request: KbsRequest, options: ExchangeOptions): Promise<KbsAnswer> {
  const { signal, timeoutMilliseconds } = options;
  signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMilliseconds);
  const either = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  let socket: TLSSocket | undefined;
  try {
    socket = await connectPinned(request.url, options.pin, either);
    const message = await send(request, socket, either);
    return await read(message, request);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Failure) throw error;
    if (timeout.aborted) throw unreachable(`no answer within ${timeoutMilliseconds} ms`);
    // The system's and the parser's errors have a code; what has none is a bug.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (typeof code !== "string") throw error;
    throw unreachable(`the connection broke (${code})`);
  } finally {
    socket?.destroy();
  }
}

/** HTTP/1.1 over the connection that was proved; it is used once. */
function send(request: KbsRequest, socket: TLSSocket, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, url, body } = request;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      // Without an agent: one would connect by itself.
      createConnection: () => socket,
      host: url.hostname,
      method,
      path: url.pathname,
      headers: {
        host: url.host,
        accept: "application/json",
        "accept-encoding": "identity",
        "user-agent": "neko-trust",
        connection: "close",
        ...(body === undefined ? {} : { "content-type": "application/json", "content-length": body.length }),
        ...request.headers,
      },
      signal,
    });
    sent.on("error", reject);
    sent.on("response", resolve);
    sent.end(body);
  });
}

async function read(message: IncomingMessage, { method, maxBytes }: KbsRequest): Promise<KbsAnswer> {
  const response = responseOf(message, method);
  const { status } = response;
  if (status >= 300 && status < 400) {
    throw kbsRefused(
      "KBS_REDIRECTED",
      `The key broker's address redirects elsewhere (HTTP ${status}), and credentials are never sent on.`,
      "Give the address itself, which ends in /kbs.",
    );
  }
  const most = status === 200 ? maxBytes : mostProblemBytes;
  const body = await readCapped(response, most);
  if (body === undefined) {
    throw kbsRefused(
      "KBS_ANSWER_TOO_LARGE",
      `The key broker's answer has more than ${most} bytes.`,
      "Check the address; a credential is small, and an attestation result shrinks with verbose_token = false.",
    );
  }
  return { status, setCookies: message.headers["set-cookie"] ?? [], body };
}

function unreachable(why: string): Failure {
  return kbsUnavailable(
    "KBS_UNREACHABLE",
    `The key broker did not answer: ${why}.`,
    "Check its address and the network's rules, and that it runs.",
  );
}
