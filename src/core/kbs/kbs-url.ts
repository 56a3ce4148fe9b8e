import { kbsUsage } from "./kbs-failure.ts";

/**
 * The address of a key broker: `https://host[:port]/kbs`, without user, query or fragment, and nothing after /kbs; undefined for
 * any other. What would be lost or sent along unseen is not part of it.
 */
export function readKbsUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  const plain = url?.username === "" && url.password === "" && url.search === "" && url.hash === "";
  return url?.protocol === "https:" && plain && /^(?:\/[A-Za-z0-9_-]+)*\/kbs$/.test(url.pathname) ? url : undefined;
}

/** As readKbsUrl. Throws KBS_URL_INVALID (usage), which does not quote it. */
export function requireKbsUrl(text: string): URL {
  const url = readKbsUrl(text);
  if (url !== undefined) return url;
  throw kbsUsage(
    "KBS_URL_INVALID",
    "The key broker's address is not https://host/kbs without user, query and fragment.",
    "Write it as in the signer's settings: https://kbs.example.org/kbs.",
  );
}
