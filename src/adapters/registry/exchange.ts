import { readCapped, refusedAsLonger } from "./body.ts";
import type { HttpResponse } from "./http-fetch.ts";
import { maySendTo } from "./network-place.ts";
import type { Settings } from "./settings.ts";
import { unwrap } from "./unwrap.ts";

/** One HTTP exchange: time-out, redirects and size are bounded here; statuses are judged by the caller. */

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` only, and never again once a redirect has led elsewhere, not even when led back. */
  readonly authorization?: string | undefined;
  readonly body?: Uint8Array | undefined;
  /** Bytes of a successful answer that are read at most. */
  readonly maxBytes: number;
  /** What is expected, in bytes: larger answers get more time. */
  readonly expectedBytes?: number | undefined;
  /** Leaves the body of a successful answer to be read from `stream`; `maxBytes` bounds only what is announced. */
  readonly open?: boolean | undefined;
  /** Ends this request alone, without another try: it has then failed. */
  readonly signal?: AbortSignal | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: HttpResponse["headers"];
  readonly body: Uint8Array;
  /**
   * The body of an answer that was asked for as `open`, for whoever reads it to its end or returns from it; the rest of
   * the allowed time is for that. Throws Failure (as `unwrap` does of what is broken), or the client's signal's reason.
   */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /**
   * A redirect led to another origin than was asked, even if another led back: what is answered there was not the
   * registry's choice. Its 401 is no challenge of the registry, and its 404 no word about what the registry holds.
   */
  readonly elsewhere: boolean;
}

export type Outcome =
  { readonly kind: "reply"; readonly reply: Reply } | { readonly kind: "too-large"; readonly detail: string } | Failed;

/** Nothing that can be called an answer; `retry` when another try may help. */
interface Failed {
  readonly kind: "failed";
  readonly detail: string;
  readonly retry: boolean;
}

/** A successful answer whose body has not been read. */
interface Opened {
  readonly kind: "open";
  readonly reply: Reply;
  readonly response: HttpResponse;
}

const maxRedirects = 5;
/** Error bodies are read for their code alone. */
const maxErrorBytes = 64 * 1024;
const bytesPerExtraSecond = 256 * 1024;

export async function exchange(settings: Settings, request: HttpRequest): Promise<Outcome> {
  const bytes = Math.min(Math.max(request.expectedBytes ?? 0, request.body?.length ?? 0), 64 * 1024 ** 3);
  const allowed = settings.timeoutMilliseconds + Math.floor(bytes / bytesPerExtraSecond) * 1000;
  const timeout = AbortSignal.timeout(allowed);
  const signals = [timeout, settings.signal, request.signal].filter((one) => one !== undefined);
  const signal = AbortSignal.any(signals);
  const judge = (error: unknown): Failed => {
    settings.signal?.throwIfAborted();
    if (request.signal?.aborted === true) return failed(`${request.url.host} was not waited for any longer`);
    if (timeout.aborted) return failed(`${request.url.host} did not answer within ${allowed} ms`);
    return { kind: "failed", detail: `${request.url.host}: ${connectionFault(error)}`, retry: true };
  };
  try {
    const outcome = await followed(settings, request, signal);
    if (outcome.kind !== "open") return outcome;
    return { kind: "reply", reply: { ...outcome.reply, stream: streamOf(outcome.response, judge) } };
  } catch (error) {
    return judge(error);
  }
}

/** The body as it comes; whatever ends it too early is a Failure that says so. */
async function* streamOf(response: HttpResponse, judge: (error: unknown) => Failed): AsyncGenerator<Uint8Array, void> {
  const { body } = response;
  if (body === null) return;
  try {
    yield* body;
  } catch (error) {
    unwrap({ kind: "broken", detail: judge(error).detail }, "a download");
  }
}

async function followed(settings: Settings, request: HttpRequest, signal: AbortSignal): Promise<Outcome | Opened> {
  let url = request.url;
  let elsewhere = false;
  for (let hops = 0; ; hops += 1) {
    elsewhere ||= url.origin !== request.url.origin;
    const response = await settings.fetch(url, {
      method: request.method,
      headers: {
        // Bytes are hashed as they are: a compressed transfer gains little and hides its size.
        "accept-encoding": "identity",
        ...request.headers,
        ...(request.authorization === undefined || elsewhere ? {} : { authorization: request.authorization }),
      },
      // A view over exactly these bytes; fetch would send the whole of a larger buffer's type otherwise.
      ...(request.body === undefined ? {} : { body: Buffer.from(request.body) }),
      redirect: "manual",
      signal,
    });
    const location = response.headers.get("location");
    const isRedirect = [301, 302, 303, 307, 308].includes(response.status);
    if (!isRedirect || location === null) return await replyOf(request, response, url, elsewhere);
    await response.body?.cancel();
    if (hops >= maxRedirects) return failed(`${request.url.host} redirected more than ${maxRedirects} times`);
    if (request.method === "POST" || request.method === "PUT") {
      return failed(`${request.url.host} redirected an upload, which is not followed`);
    }
    const next = redirectTarget(settings, request.url, url, location);
    if (typeof next === "string") return failed(next);
    url = next;
  }
}

/** The URL to go to, or why not. Query strings of redirects hold signatures, so only hosts are told. */
function redirectTarget(settings: Settings, asked: URL, from: URL, location: string): URL | string {
  const next = URL.parse(location, from.href);
  if (next === null || (next.protocol !== "https:" && next.protocol !== "http:")) {
    return `${from.host} redirected to something that is no web address`;
  }
  if (next.username !== "" || next.password !== "") return `${from.host} redirected to an address with credentials`;
  if (!maySendTo(asked.host, next.host)) {
    return `${from.host} redirected to ${next.host}, on this machine or in its network`;
  }
  if (next.protocol === "http:" && !settings.plainHttp(next.host)) {
    return `${from.host} redirected to ${next.host} without TLS`;
  }
  return next;
}

async function replyOf(
  request: HttpRequest,
  response: HttpResponse,
  url: URL,
  elsewhere: boolean,
): Promise<Outcome | Opened> {
  const base = { status: response.status, headers: response.headers, url, elsewhere };
  if (!response.ok) {
    const read = await readCapped(response, maxErrorBytes);
    return { kind: "reply", reply: { ...base, body: read ?? new Uint8Array() } };
  }
  const tooLarge = {
    kind: "too-large",
    detail: `${url.host} sent more than the ${request.maxBytes} bytes allowed`,
  } as const;
  if (request.open === true) {
    if (await refusedAsLonger(response, request.maxBytes)) return tooLarge;
    return { kind: "open", reply: { ...base, body: new Uint8Array() }, response };
  }
  const body = request.method === "HEAD" ? new Uint8Array() : await readCapped(response, request.maxBytes);
  if (body === undefined) return tooLarge;
  return { kind: "reply", reply: { ...base, body } };
}

function failed(detail: string): Failed {
  return { kind: "failed", detail, retry: false };
}

/** The system's code, as messages of the HTTP library may quote addresses and headers. */
function connectionFault(error: unknown): string {
  let plain = "the connection failed";
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    if ("code" in cause && typeof cause.code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(cause.code))
      return cause.code;
    if (/^[\w ]{1,60}$/.test(cause.message)) plain = cause.message;
  }
  return plain;
}
