import { Failure } from "../failure.ts";
import { isLoopbackUrl } from "../loopback.ts";

/** A transparency log to enter signatures into. */
export interface RekorService {
  /** Base URL, without `/api/…`. */
  readonly url: string;
  readonly version: 1 | 2;
}

/** Where a signature gets what makes it verifiable: a certificate, log entries, a trusted time. */
export interface SigningServices {
  /** Issues certificates for identity tokens; left out when a key file signs. */
  readonly fulcioUrl?: string;
  /** One log, or several when a policy demands several. */
  readonly rekor: readonly RekorService[];
  /** Time-stamp authorities; a host alone, or the whole URL of the endpoint. */
  readonly tsaUrls: readonly string[];
}

/** Sigstore's public-good instance (docs.sigstore.dev, "Public Deployment"): Rekor v1 and a time stamp. */
export const publicGoodServices: SigningServices & { readonly fulcioUrl: string } = {
  fulcioUrl: "https://fulcio.sigstore.dev",
  rekor: [{ url: "https://rekor.sigstore.dev", version: 1 }],
  tsaUrls: ["https://timestamp.sigstore.dev"],
};

/** Whether a service may be spoken to at this URL: https, or http on this machine; without a user's name or password. */
export function isServiceUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackUrl(url));
}

/**
 * Refuses services that can't give a verifiable signature, before anything is sent to them. Throws SIGNING_USAGE (usage),
 * which quotes no address.
 */
export function assertServices({ fulcioUrl, rekor, tsaUrls }: SigningServices): void {
  const usage = (message: string, remedy: string): Failure =>
    new Failure({ code: "SIGNING_USAGE", kind: "usage", message, remedy });
  if (rekor.length === 0) {
    throw usage("No transparency log is named.", "Name a Rekor log: verification demands an entry.");
  }
  if (tsaUrls.length === 0 && rekor.every((log) => log.version === 2)) {
    throw usage(
      "Rekor v2 gives no time, and no time-stamp authority is named.",
      "Name a time-stamp authority (--tsa-url, or tsaUrls of the signing configuration).",
    );
  }
  const named = [
    ...(fulcioUrl === undefined ? [] : [["certificate authority", fulcioUrl] as const]),
    ...rekor.map(({ url }) => ["transparency log", url] as const),
    ...tsaUrls.map((url) => ["time-stamp authority", url] as const),
  ];
  const wrong = named.find(([, url]) => !isServiceUrl(url));
  if (wrong === undefined) return;
  throw usage(
    `What is given as the address of a ${wrong[0]} is none.`,
    "Give an https URL without credentials (http only on loopback).",
  );
}
