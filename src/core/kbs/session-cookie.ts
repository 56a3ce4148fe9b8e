import { isInFuture } from "../clock-skew.ts";
import { kbsRefused, kbsUnavailable } from "./kbs-failure.ts";
import { sessionCookieName } from "./rcar.ts";

/** Attributes that change nothing here, as the cookie goes back to the very address that set it, and nowhere else. */
const harmless = new Set([
  "secure",
  "httponly",
  "samesite=strict",
  "samesite=lax",
  "samesite=none",
  "path=/",
  "path=/kbs",
]);

/**
 * The session that KBS opened: the value of its one cookie `kbs-session-id`, a UUID of 32 hex digits with an `Expires`
 * (kbs/src/attestation/session.rs). Other cookies, a gateway's, are neither kept nor sent. Throws KBS_COOKIE_INVALID, and
 * KBS_SESSION_EXPIRED when the session is over already, which is what a wrong clock looks like.
 */
export function readSessionCookie(setCookies: readonly string[], now: Date): string {
  const own = setCookies.filter((text) => text.startsWith(`${sessionCookieName}=`));
  const [pair = "", ...attributes] = (own[0] ?? "").split(";").map((part) => part.trim());
  const value = pair.slice(sessionCookieName.length + 1);
  if (own.length !== 1 || !/^[0-9a-f]{32}$/.test(value)) throw invalid("has no single session of 32 hex digits");
  let expires: Date | undefined;
  for (const attribute of attributes) {
    const lower = attribute.toLowerCase();
    if (lower.startsWith("expires=") && expires === undefined) expires = new Date(attribute.slice("expires=".length));
    else if (!harmless.has(lower)) throw invalid("has a session with an attribute that KBS does not set");
  }
  if (expires === undefined || Number.isNaN(expires.getTime())) throw invalid("has a session without an end");
  if (isInFuture(now, expires)) {
    throw kbsUnavailable(
      "KBS_SESSION_EXPIRED",
      `The key broker's session ended ${expires.toISOString()}, and it is ${now.toISOString()} here.`,
      "Compare the clocks of this machine and of the key broker.",
    );
  }
  return value;
}

function invalid(why: string): Error {
  return kbsRefused(
    "KBS_COOKIE_INVALID",
    `The key broker's answer ${why} in its cookies.`,
    "Check that the address is that of Trustee's KBS, and what stands before it.",
  );
}
