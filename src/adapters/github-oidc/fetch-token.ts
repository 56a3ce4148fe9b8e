import { z } from "zod";
import { Failure } from "../../core/failure.ts";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { safeParse } from "../../core/safe-parse.ts";
import { isServiceUrl } from "../../core/sigstore/signing-services.ts";
import { sendRequest } from "../web/request.ts";

/** What GitHub gives a job with `id-token: write` (docs.github.com, "OpenID Connect reference"). */
export interface GitHubTokenEndpoint {
  /** ACTIONS_ID_TOKEN_REQUEST_URL */
  readonly url: string;
  /** ACTIONS_ID_TOKEN_REQUEST_TOKEN: lets its bearer fetch tokens of this job. Never shown. */
  readonly requestToken: string;
}

const answerSchema = z.looseObject({
  value: z
    .string()
    .min(1)
    .max(32 * 1024),
});

const permission = "Grant the job `permissions: id-token: write`, and try again.";

function unavailable(message: string, remedy = permission): Failure {
  return new Failure({ code: "IDENTITY_TOKEN_UNAVAILABLE", kind: "unavailable", message, remedy });
}

/**
 * Fetches a token of the running job for the audience `sigstore`. Throws IDENTITY_TOKEN_ENDPOINT (usage) for an endpoint
 * without TLS, IDENTITY_TOKEN_UNAVAILABLE (unavailable) when none is given. No message holds either token or the address,
 * whose query belongs to the job.
 */
export async function fetchGitHubToken(
  endpoint: GitHubTokenEndpoint,
  options: { readonly signal?: AbortSignal; readonly timeoutMilliseconds?: number } = {},
): Promise<string> {
  const url = URL.parse(endpoint.url);
  // A header takes printable ASCII alone; what else was set there is told before it becomes an error that quotes it.
  if (url === null || !isServiceUrl(endpoint.url) || !/^[\x21-\x7e]+$/.test(endpoint.requestToken)) {
    throw new Failure({
      code: "IDENTITY_TOKEN_ENDPOINT",
      kind: "usage",
      message: "ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL, or ACTIONS_ID_TOKEN_REQUEST_TOKEN is not a token.",
      remedy: "Leave both variables as GitHub Actions sets them, or unset them and use --identity-token-file.",
    });
  }
  url.searchParams.set("audience", "sigstore");
  const answer = await sendRequest({
    method: "GET",
    url: url.href,
    headers: { accept: "application/json", authorization: `Bearer ${endpoint.requestToken}` },
    maxBytes: 64 * 1024,
    timeoutMilliseconds: options.timeoutMilliseconds ?? 10_000,
    retries: 2,
    signal: options.signal,
  });
  if (answer.kind === "failed") {
    throw unavailable(`GitHub's token endpoint did not answer: ${answer.detail}.`, "Try again.");
  }
  if (answer.status !== 200) throw unavailable(`GitHub's token endpoint gave no token (HTTP ${answer.status}).`);
  const json = parseStrictJson(answer.body, { maxDepth: 8 });
  const parsed = safeParse(answerSchema, json.ok ? json.value : undefined);
  if (!parsed.success) throw unavailable("GitHub's token endpoint answered with something that holds no token.");
  return parsed.data.value;
}
