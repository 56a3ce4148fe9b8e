/** The hosts that are this machine and nothing else. Names that merely begin so, and 0.0.0.0, are not among them. */
const loopbackHosts: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * The URL in its normal form when it is http or https on loopback and carries no user name; else undefined. Callers
 * must use the returned form, so that what was looked at is what is dialled.
 */
export function loopbackUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  if (url.username !== "" || url.password !== "") return undefined;
  return loopbackHosts.has(url.hostname) ? url : undefined;
}

export function isLoopbackHost(host: string): boolean {
  return loopbackHosts.has(host) || host === "::1";
}
