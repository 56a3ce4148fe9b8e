import { Failure } from "../../core/failure.ts";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { legible } from "../../core/legible.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import { sendRequest } from "../web/request.ts";
import type { WebAnswer } from "../web/request.ts";
import { gitHubHeaders, isThrottled } from "./rest-conventions.ts";

/**
 * GitHub's REST API (docs.github.com/rest). Answers are told apart: only "absent" says that something is not there, and
 * GitHub says it too of what a token may not see. The token goes to the one address that was given, and into no message.
 */
export interface GitHubApi {
  readonly get: (path: string) => Promise<GitHubAnswer>;
  readonly put: (path: string) => Promise<GitHubAnswer>;
  readonly delete: (path: string) => Promise<GitHubAnswer>;
}

export type GitHubAnswer =
  /** `json` is undefined for an answer without a body. `scopes` are a classic token's; undefined for any other kind. */
  | { readonly kind: "ok"; readonly json: unknown; readonly scopes: readonly string[] | undefined }
  /** 404. `scopes` tell whether the token could have seen it. */
  | { readonly kind: "absent"; readonly scopes: readonly string[] | undefined };

export interface GitHubApiOptions {
  /** `https://api.github.com`, or `https://<host>/api/v3`; http on loopback alone. */
  readonly url: string;
  readonly token: string;
  readonly signal?: AbortSignal | undefined;
  /** For each try. */
  readonly timeoutMilliseconds?: number;
}

const maxBytes = 1024 * 1024;

/**
 * Throws GITHUB_API_URL, GITHUB_TOKEN_INVALID (usage). Its calls throw GITHUB_UNAUTHORIZED, GITHUB_FORBIDDEN,
 * GITHUB_REFUSED (usage), GITHUB_THROTTLED, GITHUB_UNAVAILABLE (unavailable).
 */
export function openGitHubApi(options: GitHubApiOptions): GitHubApi {
  const base = baseUrl(options.url);
  // A header takes printable ASCII alone; what else was set there is told before it becomes an error that quotes it.
  if (!/^[\x21-\x7e]{1,1024}$/.test(options.token)) {
    throw usage(
      "GITHUB_TOKEN_INVALID",
      "NEKO_TRUST_GITHUB_TOKEN is not set, or is not a token.",
      "Set it to a token of GitHub, without spaces and line ends.",
    );
  }
  const call = async (method: "GET" | "PUT" | "DELETE", path: string): Promise<GitHubAnswer> =>
    understand(
      `${method} ${path}`,
      await sendRequest({
        method,
        url: `${base}${path}`,
        headers: gitHubHeaders(options.token),
        maxBytes,
        timeoutMilliseconds: options.timeoutMilliseconds ?? 15_000,
        // GET, PUT and DELETE may be sent again: a second one changes nothing.
        retries: 2,
        signal: options.signal,
      }),
    );
  return {
    get: (path) => call("GET", path),
    put: (path) => call("PUT", path),
    delete: (path) => call("DELETE", path),
  };
}

function baseUrl(text: string): string {
  const url = URL.parse(text);
  const plain = url !== null && url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (plain && (url.protocol === "https:" || (url.protocol === "http:" && isLoopbackUrl(url)))) {
    return url.href.replace(/\/+$/, "");
  }
  throw usage(
    "GITHUB_API_URL",
    "The address of GitHub's API is not an https URL without user, query and fragment.",
    "Set NEKO_TRUST_TARGET to https://api.github.com, or to https://<host>/api/v3 for GitHub Enterprise Server.",
  );
}

function understand(what: string, answer: WebAnswer): GitHubAnswer {
  if (answer.kind === "failed") {
    throw unavailable("GITHUB_UNAVAILABLE", `GitHub did not answer ${what}: ${answer.detail}.`, "Try again.");
  }
  const { status, headers } = answer;
  const scopes = headers
    .get("x-oauth-scopes")
    ?.split(",")
    .map((scope) => scope.trim());
  if (status === 200 || status === 201) return { kind: "ok", json: jsonOf(what, answer.body), scopes };
  if (status === 204) return { kind: "ok", json: undefined, scopes };
  if (status === 404) return { kind: "absent", scopes };
  throw failureOf(what, status, headers, saidBy(answer.body));
}

function jsonOf(what: string, body: Uint8Array): unknown {
  const json = parseStrictJson(body, { maxDepth: 32 });
  if (json.ok) return json.value;
  throw unavailable(
    "GITHUB_UNAVAILABLE",
    `What answers ${what} in GitHub's place is no JSON.`,
    "Try again; if it stays, look for a proxy or a wrong address.",
  );
}

/** GitHub's own words, as `: "…"`; nothing when it said none that can be shown. */
function saidBy(body: Uint8Array): string {
  const json = parseStrictJson(body, { maxDepth: 32 });
  const value: unknown = json.ok ? json.value : undefined;
  const message: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "message") : undefined;
  if (typeof message !== "string" || message === "") return "";
  return `: "${legible(message.replace(/\s+/g, " ")).slice(0, 300)}"`;
}

function failureOf(what: string, status: number, headers: Headers, said: string): Failure {
  if (status === 401) {
    return usage(
      "GITHUB_UNAUTHORIZED",
      `GitHub does not take the token (${what})${said}.`,
      "Make a new token, and set it where this one came from.",
    );
  }
  if (isThrottled(status, headers)) {
    return unavailable("GITHUB_THROTTLED", `GitHub takes no more calls for now (${what})${said}.`, waitFor(headers));
  }
  if (status === 403) {
    return usage(
      "GITHUB_FORBIDDEN",
      `The token may not do ${what}${said}.`,
      "Give it what the README of GhcrRepository lists, and authorise it for the organisation's single sign-on.",
    );
  }
  if (status >= 500) {
    return unavailable("GITHUB_UNAVAILABLE", `GitHub answered ${what} with HTTP ${status}${said}.`, "Try again.");
  }
  return usage(
    "GITHUB_REFUSED",
    `GitHub refused ${what} with HTTP ${status}${said}.`,
    status >= 300 && status < 400
      ? "It has another address now: name the repository as it is called today."
      : "See what it says; a paid plan or an organisation's rule may be needed.",
  );
}

function waitFor(headers: Headers): string {
  const seconds = headers.get("retry-after");
  if (seconds !== null && /^\d{1,6}$/.test(seconds)) return `Try again in ${seconds} seconds.`;
  const reset = headers.get("x-ratelimit-reset");
  if (reset !== null && /^\d{1,12}$/.test(reset)) {
    return `Try again after ${new Date(Number(reset) * 1000).toISOString()}.`;
  }
  return "Try again in some minutes.";
}

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

function unavailable(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "unavailable", message, remedy });
}
