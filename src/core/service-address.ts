import { isLoopbackUrl } from "./loopback.ts";

/**
 * The address of a service without a slash at its end: https, or http on loopback, without user, query or fragment; undefined
 * for any other. Who refuses one does not quote it: it may hold a password.
 */
export function serviceAddress(text: string): string | undefined {
  const url = URL.parse(text);
  const safe = url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isLoopbackUrl(url)));
  const plain = url?.username === "" && url.password === "" && url.search === "" && url.hash === "";
  return safe && plain ? text.replace(/\/+$/, "") : undefined;
}
