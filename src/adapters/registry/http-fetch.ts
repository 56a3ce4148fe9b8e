import type { ClientRequest, IncomingMessage } from "node:http";

/**
 * `fetch` as far as registries need it, on node:http. The global one takes 80 ms of processor time to load and two to
 * three times as long for each request; a verification makes some thirty. Redirects are never followed here.
 */
export type HttpFetch = (url: URL, init: HttpInit) => Promise<HttpResponse>;

export interface HttpInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly redirect: "manual";
  /** Ends the request, and the reading of its answer. */
  readonly signal: AbortSignal;
}

/** What is used of an answer; the global fetch's is one, too. */
export interface HttpResponse {
  readonly status: number;
  /** 200 to 299. */
  readonly ok: boolean;
  /** A header that is there more than once is given as one, with ", " between its values. */
  readonly headers: { get(name: string): string | null };
  /** The bytes as they are transferred; whoever stops reading closes the connection. */
  readonly body: (AsyncIterable<Uint8Array> & { cancel(): Promise<void> }) | null;
}

// Not imported: that makes Node read every export of theirs, of which one (WebSocket) loads the whole of undici.
const moduleOf = (protocol: string) =>
  protocol === "https:" ? process.getBuiltinModule("node:https") : process.getBuiltinModule("node:http");

/** Rejects when there is no answer: with the system's error, or an AbortError. Bodies are not decompressed. */
export const httpFetch: HttpFetch = (url, init) =>
  new Promise((resolve, reject) => {
    const { method, signal, body } = init;
    // Node's agents for all: connections are kept for the next request, but keep no process alive, and proxies are used
    // where Node was told to (NODE_USE_ENV_PROXY).
    const request: ClientRequest = moduleOf(url.protocol).request(url, {
      method,
      headers: { accept: "*/*", "user-agent": "neko-trust", ...init.headers },
    });
    endWith(request, signal);
    // An error after the answer has begun reaches whoever reads its body.
    request.on("error", reject);
    request.on("response", (message) => {
      resolve(responseOf(message, method));
    });
    request.end(body);
  });

/**
 * What the option `signal` of Node's requests does, which watches both ends of a connection for that: a tenth of all that
 * a request costs.
 */
function endWith(request: ClientRequest, signal: AbortSignal): void {
  const end = (): void => {
    request.destroy(new DOMException("This operation was aborted", "AbortError"));
  };
  if (signal.aborted) {
    end();
    return;
  }
  signal.addEventListener("abort", end, { once: true });
  request.once("close", () => {
    signal.removeEventListener("abort", end);
  });
}

/** Node's message as an answer; its body is read as it comes. */
export function responseOf(message: IncomingMessage, method: string): HttpResponse {
  const status = message.statusCode ?? 0;
  const isEmpty = method === "HEAD" || status === 204 || status === 304;
  if (isEmpty) message.resume();
  return {
    status,
    ok: status >= 200 && status < 300,
    headers: { get: (name) => message.headersDistinct[name.toLowerCase()]?.join(", ") ?? null },
    body: isEmpty ? null : bodyOf(message),
  };
}

function bodyOf(message: IncomingMessage): HttpResponse["body"] {
  return {
    [Symbol.asyncIterator]: () => message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
    cancel: () => {
      message.destroy();
      return Promise.resolve();
    },
  };
}
