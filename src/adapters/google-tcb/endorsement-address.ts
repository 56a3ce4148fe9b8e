import { Failure } from "../../core/failure.ts";
import { serviceAddress } from "../../core/service-address.ts";

/** The address without a slash at its end. Throws ENDORSEMENT_URL_INVALID (usage) where it is not https, or holds credentials. */
export function requireEndorsementAddress(text: string, what: "a bucket" | "a root certificate"): string {
  const address = serviceAddress(text);
  if (address !== undefined) return address;
  throw new Failure({
    code: "ENDORSEMENT_URL_INVALID",
    kind: "usage",
    message: `What is given as the address of ${what} is none.`,
    remedy: "Give an https URL without credentials, query or fragment (http only on loopback).",
  });
}
