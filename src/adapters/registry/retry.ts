import type { Answer, NoAnswer } from "../../core/oci/answer.ts";
import { registryErrorCode } from "./error-code.ts";
import { exchange } from "./exchange.ts";
import type { HttpRequest, Reply } from "./exchange.ts";
import type { Settings } from "./settings.ts";

/** First wait; doubled each time. */
const firstWaitMilliseconds = 250;

/**
 * Sends a request until it gets an answer, as often and as long as the settings allow: 429, 5xx and failed connections
 * are tried again. `found` is any other status, 401 and 403 included.
 */
export async function send(settings: Settings, request: HttpRequest): Promise<Answer<Reply>> {
  let waited = 0;
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await exchange(settings, request);
    if (outcome.kind === "too-large") return outcome;
    if (outcome.kind === "reply" && outcome.reply.status !== 429 && outcome.reply.status < 500) {
      return { kind: "found", value: outcome.reply };
    }
    const reply = outcome.kind === "reply" ? outcome.reply : undefined;
    const asked = reply === undefined ? undefined : retryAfterSeconds(reply.headers.get("retry-after"), settings.now());
    const wait = asked === undefined ? firstWaitMilliseconds * 2 ** attempt : asked * 1000;
    const mayRetry = outcome.kind === "reply" || outcome.retry;
    if (!mayRetry || attempt >= settings.retries || waited + wait > settings.maxWaitMilliseconds) {
      if (reply !== undefined) return statusAnswer(reply, asked);
      return { kind: "broken", detail: outcome.kind === "failed" ? outcome.detail : "no answer" };
    }
    await settings.sleep(wait);
    waited += wait;
    settings.signal?.throwIfAborted();
  }
}

function statusAnswer(reply: Reply, retryAfter: number | undefined): NoAnswer {
  const detail = statusDetail(reply);
  if (reply.status !== 429) return { kind: "broken", detail };
  return { kind: "throttled", detail, ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }) };
}

/** `ghcr.io answered 404 (MANIFEST_UNKNOWN)`: the host that answered, its status, and a code of the specification. */
export function statusDetail(reply: Reply): string {
  const code = registryErrorCode(reply.body);
  const redirected = reply.elsewhere ? ", after a redirect" : "";
  return `${reply.url.host} answered ${reply.status}${code === undefined ? "" : ` (${code})`}${redirected}`;
}

/** Seconds from `Retry-After`, which holds seconds or a date (RFC 9110, section 10.2.3). */
export function retryAfterSeconds(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  const date = /^[A-Za-z]{3}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}
