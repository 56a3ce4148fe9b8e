import { Failure } from "../../core/failure.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";

/** The address without a slash at its end. Throws ENDORSEMENT_URL_INVALID (usage) where it is not https, or holds credentials. */
export function requireEndorsementAddress(text: string, what: "a bucket" | "a root certificate"): string {
  const url = URL.parse(text);
  const safe = url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isLoopbackUrl(url)));
  if (safe && url.username === "" && url.password === "" && url.search === "" && url.hash === "") {
    return text.replace(/\/+$/, "");
  }
  throw new Failure({
    code: "ENDORSEMENT_URL_INVALID",
    kind: "usage",
    message: `${JSON.stringify(text.slice(0, 200))} is no address of ${what}.`,
    remedy: "Give an https URL without credentials, query or fragment (http only on loopback).",
  });
}
