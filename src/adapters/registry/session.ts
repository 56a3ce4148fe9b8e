import { Failure } from "../../core/failure.ts";
import type { Answer } from "../../core/oci/answer.ts";
import { parseReference } from "../../core/release/reference.ts";
import { createAuthorizer } from "./authorization.ts";
import type { Actions } from "./authorization.ts";
import type { HttpRequest, Reply } from "./exchange.ts";
import { send, statusDetail } from "./retry.ts";
import type { Settings } from "./settings.ts";

/** A repository, taken apart. */
export interface Repository {
  readonly registry: string;
  readonly path: string;
}

export interface RegistryRequest extends Omit<HttpRequest, "url" | "headers" | "authorization"> {
  readonly repository: Repository;
  /** Below `/v2/<path>/`, already encoded; or a URL that the same registry named: one of another host is refused. */
  readonly at: string | URL;
  readonly actions: Actions;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Requests to registries, signed in as they demand. */
export interface Session {
  readonly settings: Settings;
  /** `found` is any status but 401, 403, 429 and 5xx: those are answers of their own kind. */
  request(request: RegistryRequest): Promise<Answer<Reply>>;
}

export function createSession(settings: Settings): Session {
  const authorizer = createAuthorizer(settings);
  return {
    settings,
    async request({ repository, at, actions, headers = {}, ...rest }) {
      const target = { ...repository, actions };
      const own = repositoryUrl(settings, repository);
      const url = typeof at === "string" ? new URL(at, own) : at;
      // Tokens and passwords are for the registry that the reference names, whoever named the address.
      if (url.origin !== own.origin) {
        return { kind: "broken", detail: `${own.host} names ${url.host}, another host, as a part of itself` };
      }
      const known = authorizer.known(target);
      const first = await send(settings, { ...rest, url, headers, authorization: known });
      if (first.kind !== "found") return first;
      // Only the registry's own challenge is answered: any other host could name its own token service.
      const ownChallenge =
        first.value.status === 401 && !first.value.elsewhere && first.value.url.origin === own.origin;
      if (!ownChallenge) return judged(first.value);
      const header = await authorizer.answer(target, first.value.headers.get("www-authenticate"), known);
      if (header.kind !== "found") return header;
      const second = await send(settings, { ...rest, url, headers, authorization: header.value });
      return second.kind === "found" ? judged(second.value) : second;
    },
  };
}

/** The same session, whose requests end with the signal, too. */
export function endingWith(session: Session, signal: AbortSignal | undefined): Session {
  if (signal === undefined) return session;
  return { settings: session.settings, request: (request) => session.request({ ...request, signal }) };
}

function judged(reply: Reply): Answer<Reply> {
  if (reply.status === 401) return { kind: "unauthorized", detail: statusDetail(reply) };
  if (reply.status === 403) return { kind: "forbidden", detail: statusDetail(reply) };
  return { kind: "found", value: reply };
}

/** `https://host/v2/<path>/`. */
export function repositoryUrl(settings: Settings, { registry, path }: Repository): URL {
  // Docker Hub's registry has another host than its name (docs.docker.com, registry API).
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  return new URL(`${settings.plainHttp(registry) ? "http" : "https"}://${host}/v2/${path}/`);
}

/** Takes `registry/path` apart; throws REFERENCE_INVALID. */
export function parseRepository(repository: string): Repository {
  const { registry, path, tag, digest } = parseReference(repository);
  if (tag === undefined && digest === undefined) return { registry, path };
  throw new Failure({
    code: "REFERENCE_INVALID",
    kind: "usage",
    message: `"${repository}" names a tag or digest where only a repository is meant.`,
    remedy: "Write registry/path alone.",
  });
}
