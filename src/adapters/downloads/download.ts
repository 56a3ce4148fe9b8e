import type { Answer } from "../../core/oci/answer.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import { sendRequest } from "../web/request.ts";

/** How a public file is fetched. */
export interface DownloadOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** For each request; 30 s unless given. */
  readonly timeoutMilliseconds?: number;
  /** After a failed connection, a 429 or a 5xx; 2 unless given. */
  readonly retries?: number;
}

const mostRedirects = 5;

/**
 * Fetches a public file: without credentials, over TLS (a loopback address may do without), over redirects that keep to
 * that. Only a 404 or 410 of the last host is `absent`. Rejects with the signal's reason alone.
 */
export async function download(address: string, options: DownloadOptions): Promise<Answer<Uint8Array>> {
  const { maxBytes, signal, timeoutMilliseconds = 30_000, retries = 2 } = options;
  const first = URL.parse(address);
  if (first === null || !mayFetch(first)) return broken("its address is no https URL");
  let url = first;
  for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
    const answer = await sendRequest({
      method: "GET",
      url: url.href,
      headers: { accept: "*/*" },
      maxBytes,
      timeoutMilliseconds,
      retries,
      signal,
    });
    if (answer.kind === "failed") return broken(`${url.host}: ${answer.detail}`);
    const { status, headers, body } = answer;
    if (status === 200) return { kind: "found", value: body };
    if (status === 404 || status === 410) return { kind: "absent" };
    if (status === 401) return { kind: "unauthorized", detail: `${url.host} answered 401` };
    if (status === 403) return { kind: "forbidden", detail: `${url.host} answered 403` };
    if (status === 429) return { kind: "throttled", detail: `${url.host} answered 429` };
    const location = headers.get("location");
    if (![301, 302, 303, 307, 308].includes(status) || location === null) {
      return broken(`${url.host} answered ${status}`);
    }
    const next = URL.parse(location, url.href);
    if (next === null || !mayFetch(next)) return broken(`${url.host} redirects to what is no https URL`);
    url = next;
  }
  return broken(`${first.host} redirects more than ${mostRedirects} times`);
}

function mayFetch(url: URL): boolean {
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackUrl(url));
}

function broken(detail: string): Answer<never> {
  return { kind: "broken", detail };
}
