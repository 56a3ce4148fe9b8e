import { Failure } from "../../core/failure.ts";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import type { Answer } from "../../core/oci/answer.ts";
import { sendRequest } from "../web/request.ts";
import { gitHubHeaders, isThrottled } from "./rest-conventions.ts";

/** GitHub's REST API, read only. */
export interface GitHubAccess {
  /** `https://api.github.com`, or that of an own GitHub; without a slash at its end. */
  readonly api: string;
  /** Undefined: as anybody, with a low limit. */
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After a failed connection, a 429 or a 5xx; 2 unless given. */
  readonly retries?: number;
}

export interface GitHubReply {
  /** The JSON document. */
  readonly value: unknown;
  readonly headers: Headers;
}

const defaultApi = "https://api.github.com";

/**
 * Where GitHub is asked, from an environment: GITHUB_API_URL as GitHub Actions sets it, else api.github.com. Throws
 * GITHUB_API_URL (usage) for an address that has no TLS.
 */
export function gitHubApi(environment: Readonly<Record<string, string | undefined>>): string {
  const given = environment["GITHUB_API_URL"];
  if (given === undefined || given === "") return defaultApi;
  const url = URL.parse(given);
  const safe = url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isLoopbackUrl(url)));
  if (safe && url.username === "" && url.password === "" && url.search === "") return given.replace(/\/$/, "");
  throw new Failure({
    code: "GITHUB_API_URL",
    kind: "usage",
    message: "GITHUB_API_URL is not an https URL without credentials and query.",
    remedy: "Unset it, or set it to the API of your GitHub, for example https://github.example.com/api/v3.",
  });
}

/**
 * GET of one resource; each part of the path is encoded here. `absent` may also mean that the token may not see it:
 * GitHub says 404 for both. No answer quotes the token. Rejects with the signal's reason alone.
 */
export async function askGitHub(access: GitHubAccess, path: readonly string[]): Promise<Answer<GitHubReply>> {
  const { api, token, signal, retries = 2 } = access;
  // A header takes printable ASCII alone; what else was given would be quoted by the library's error.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    return { kind: "unauthorized", detail: "the token has characters that no token has" };
  }
  const answer = await sendRequest({
    method: "GET",
    url: `${api}/${path.map(encodeURIComponent).join("/")}`,
    headers: gitHubHeaders(token),
    maxBytes: 4 * 1024 * 1024,
    timeoutMilliseconds: 20_000,
    retries,
    signal,
  });
  if (answer.kind === "failed") return { kind: "broken", detail: answer.detail };
  const { status, headers, body } = answer;
  if (status === 404) return { kind: "absent" };
  if (status === 401) return { kind: "unauthorized", detail: "GitHub does not accept the token" };
  if (isThrottled(status, headers)) return { kind: "throttled", detail: `HTTP ${status}` };
  if (status === 403) return { kind: "forbidden", detail: "GitHub answered 403" };
  if (status !== 200) return { kind: "broken", detail: `GitHub answered ${status}` };
  const json = parseStrictJson(body, { maxDepth: 32 });
  if (!json.ok) return { kind: "broken", detail: "GitHub's answer is no JSON" };
  return { kind: "found", value: { value: json.value, headers } };
}
