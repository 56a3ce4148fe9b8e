import { isLoopbackUrl } from "./loopback.ts";

/**
 * The address of a service without a slash at its end: https, or http on loopback, without user, query or fragment; undefined
 * for any other. Who refuses one does not quote it: it may hold a password.
 */
export function serviceAddress(text: string): string | undefined {
  // The parser forgives more than requests and messages should: blanks, line breaks, a lone ? # or @, "https:host".
  if (!/^https?:\/\/[^\s?#@\\/][^\s?#@\\]*$/.test(text)) return undefined;
  const url = URL.parse(text);
  const safe = url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isLoopbackUrl(url)));
  return safe ? text.replace(/\/+$/, "") : undefined;
}
