import type { Answer } from "../../core/oci/answer.ts";
import { parseChallenges } from "./challenge.ts";
import { maySendTo } from "./network-place.ts";
import { send, statusDetail } from "./retry.ts";
import { isLoopbackHost } from "./settings.ts";
import type { Credentials, Settings } from "./settings.ts";

/** What a token is asked for: reading, or reading and writing; never more than the request needs. */
export type Actions = "pull" | "pull,push";

export interface Target {
  /** Host with optional port, as the reference names it. */
  readonly registry: string;
  readonly path: string;
  readonly actions: Actions;
}

/** Makes `Authorization` headers; values are kept in memory and appear in no message. */
export interface Authorizer {
  /** The header that worked before for this target, if it has not expired. */
  known(target: Target): string | undefined;
  /**
   * The header that answers a 401 to a request that was sent with `tried`; `unauthorized` when there is none. Rejects
   * with the Failure of a credentials source.
   */
  answer(target: Target, challengeHeader: string | null, tried: string | undefined): Promise<Answer<string>>;
}

interface Held {
  readonly header: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Docker's token specification: 60 s when not told. */
const defaultLifeSeconds = 60;
/** A token that is about to expire is not used. */
const marginMilliseconds = 10_000;
const maxTokenBytes = 64 * 1024;

export function createAuthorizer(settings: Settings): Authorizer {
  const held = new Map<string, Held>();
  const underWay = new Map<string, Promise<Answer<string>>>();

  const fetchHeader = async (target: Target, challengeHeader: string | null): Promise<Answer<string>> => {
    const challenges = parseChallenges(challengeHeader ?? "");
    const challenge = challenges.find(({ scheme }) => scheme === "bearer") ?? challenges[0];
    if (challenge === undefined) {
      return unauthorized(`${target.registry} answered 401 without saying how to sign in`);
    }
    const credentials = await settings.credentials(target.registry);
    if (challenge.scheme === "basic") {
      if (credentials?.kind !== "basic") return unauthorized(`${target.registry} wants a user name and password`);
      const header = basicHeader(credentials);
      held.set(keyOf(target), { header, until: endOf(credentials) });
      return { kind: "found", value: header };
    }
    const realm = tokenUrl(challenge.realm);
    if (realm === undefined) {
      return unauthorized(`${target.registry} names a token service that is neither https nor on this machine`);
    }
    if (!maySendTo(target.registry, realm.host)) {
      return unauthorized(`${target.registry} names a token service on this machine or in its network`);
    }
    const token = await requestToken(settings, realm, challenge.service, target, credentials);
    if (token.kind !== "found") return token;
    const header = `Bearer ${token.value.token}`;
    const until = settings.now() + token.value.lifeSeconds * 1000 - marginMilliseconds;
    held.set(keyOf(target), { header, until: Math.min(until, endOf(credentials)) });
    return { kind: "found", value: header };
  };

  const known = (target: Target): string | undefined => {
    const entry = held.get(keyOf(target));
    return entry !== undefined && entry.until > settings.now() ? entry.header : undefined;
  };

  return {
    known,
    async answer(target, challengeHeader, tried) {
      const key = keyOf(target);
      // Parallel requests that are all refused at first share one token.
      const running = underWay.get(key);
      if (running !== undefined) return running;
      const newer = known(target);
      if (newer !== undefined && newer !== tried) return { kind: "found", value: newer };
      held.delete(key);
      const started = fetchHeader(target, challengeHeader).finally(() => underWay.delete(key));
      underWay.set(key, started);
      return started;
    },
  };
}

function endOf(credentials: Credentials | undefined): number {
  return (credentials?.kind === "basic" ? credentials.until : undefined) ?? Number.POSITIVE_INFINITY;
}

/** Docker's token specification, "Requesting a Token", and its OAuth2 form for identity tokens. */
async function requestToken(
  settings: Settings,
  realm: URL,
  service: string | undefined,
  target: Target,
  credentials: Credentials | undefined,
): Promise<Answer<{ token: string; lifeSeconds: number }>> {
  // The scope is ours, not the challenge's: a registry can't ask for more than this request needs.
  const scope = `repository:${target.path}:${target.actions}`;
  const asked = { ...(service === undefined ? {} : { service }), scope };
  const oauth = credentials?.kind === "identity-token";
  const url = new URL(realm);
  if (!oauth) for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  const form = oauth
    ? new URLSearchParams({
        ...asked,
        grant_type: "refresh_token",
        client_id: "neko-trust",
        refresh_token: credentials.token,
      })
    : undefined;
  const reply = await send(settings, {
    method: oauth ? "POST" : "GET",
    url,
    headers: form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" },
    authorization: credentials?.kind === "basic" ? basicHeader(credentials) : undefined,
    body: form === undefined ? undefined : Buffer.from(form.toString()),
    maxBytes: maxTokenBytes,
  });
  if (reply.kind !== "found") return reply;
  const { status, body } = reply.value;
  const how = credentials === undefined ? "anonymously" : "with the credentials given";
  const detail = `the token service of ${target.registry}, asked ${how}: ${statusDetail(reply.value)}`;
  if (status === 401) return unauthorized(detail);
  if (status === 403) return { kind: "forbidden", detail };
  const token = status === 200 ? readToken(body) : undefined;
  return token === undefined
    ? { kind: "broken", detail: status === 200 ? `${detail}, but with no usable token` : detail }
    : { kind: "found", value: token };
}

function readToken(body: Uint8Array): { token: string; lifeSeconds: number } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const token = fields["token"] ?? fields["access_token"];
  // Only what may stand in a header: an error of the HTTP library would quote the rest.
  if (typeof token !== "string" || !/^[\x21-\x7e]{1,32768}$/.test(token)) return undefined;
  const life = fields["expires_in"];
  const lifeSeconds = typeof life === "number" && life > 0 ? Math.min(life, 3600) : defaultLifeSeconds;
  return { token, lifeSeconds };
}

/** Tokens and passwords travel over TLS, or on this machine. */
function tokenUrl(realm: string): URL | undefined {
  const url = URL.parse(realm);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.host)) ? url : undefined;
}

function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function keyOf({ registry, path, actions }: Target): string {
  return `${registry} ${path} ${actions}`;
}

function unauthorized(detail: string): Answer<never> {
  return { kind: "unauthorized", detail };
}
