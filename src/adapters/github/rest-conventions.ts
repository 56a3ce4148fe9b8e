/** What every call of GitHub's REST API has in common (docs.github.com/rest). */

/** As anybody, without a token. The caller has seen to it that the token is printable ASCII. */
export function gitHubHeaders(token: string | undefined): Record<string, string> {
  return {
    accept: "application/vnd.github+json",
    "user-agent": "neko-trust",
    "x-github-api-version": "2022-11-28",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

/** Both of GitHub's limits answer 403 or 429, with one of these headers ("Rate limits for the REST API"). */
export function isThrottled(status: number, headers: Headers): boolean {
  const waits = headers.has("retry-after") || headers.get("x-ratelimit-remaining") === "0";
  return status === 429 || (status === 403 && waits);
}
