import { requireKbsUrl } from "../../core/kbs/kbs-url.ts";
import { problemFailure, readProblem } from "../../core/kbs/problem.ts";
import { authRequest, readChallenge } from "../../core/kbs/rcar.ts";
import { readSessionCookie } from "../../core/kbs/session-cookie.ts";
import type { TlsPin } from "../../core/kbs/trust.ts";
import { exchange } from "./exchange.ts";
import type { KbsAnswer, KbsRequest } from "./exchange.ts";

/** Where a key broker is, and how patient the client is with it. */
export interface KbsPlace {
  /** `https://host[:port]/kbs`, as the stack's `service.keyBroker.url`. */
  readonly url: string;
  readonly pin: TlsPin;
  readonly signal?: AbortSignal;
  /** For each request; 10 seconds unless given. */
  readonly timeoutMilliseconds?: number;
  /** Further tries of each request that nobody answers; 2 unless given. */
  readonly retries?: number;
}

/** Sends one request below /kbs/v0/. Throws what `exchange` throws. */
export type SendToKbs = (request: Omit<KbsRequest, "url"> & { readonly path: string }) => Promise<KbsAnswer>;

/** Throws KBS_URL_INVALID (usage). */
export function sendTo({ url, pin, signal, timeoutMilliseconds = 10_000, retries = 2 }: KbsPlace): SendToKbs {
  const base = requireKbsUrl(url);
  const options = { pin, timeoutMilliseconds, retries, signal };
  return ({ path, ...request }) => exchange({ ...request, url: new URL(`${base.pathname}/v0/${path}`, base) }, options);
}

const mostChallengeBytes = 4 * 1024;

export interface OpenedSession {
  /** The cookie's value: a credential, once the session is attested. */
  readonly session: string;
  readonly nonce: string;
}

/** Asks for a challenge. Throws what `exchange`, `readSessionCookie`, `readChallenge` and `problemFailure` give. */
export async function openSession(send: SendToKbs, now: Date): Promise<OpenedSession> {
  const request = { method: "POST", path: "auth", body: authRequest(), headers: {} } as const;
  const { status, body, setCookies } = await send({ ...request, maxBytes: mostChallengeBytes });
  if (status !== 200) throw problemFailure(readProblem(status, body), undefined);
  return { session: readSessionCookie(setCookies, now), nonce: readChallenge(body) };
}
