import type { IdentityProvider } from "@sigstore/sign";
import { Failure } from "../../core/failure.ts";
import type { SigningKey } from "../../core/sigstore/signing-key.ts";
import { assertServices } from "../../core/sigstore/signing-services.ts";
import type { RekorService } from "../../core/sigstore/signing-services.ts";
import { keepLoopbackDirect } from "./loopback-direct.ts";

export type { IdentityProvider, RekorService };

/**
 * Who signs: a token at hand, what fetches one (for example GitHub Actions' endpoint), or a key of one's own, for which
 * no certificate is asked. Name the provider; nothing is looked up.
 */
export type SigningIdentity =
  | { readonly identityToken: string; readonly fulcioUrl: string }
  | { readonly identityProvider: IdentityProvider; readonly fulcioUrl: string }
  | { readonly key: SigningKey };

export type SignStatementInput = SigningIdentity & {
  /** The in-toto statement's bytes; signed as they are (writeStatement makes them). */
  readonly statement: Uint8Array;
  /** One log, or several when a policy demands several. */
  readonly rekor: RekorService | readonly RekorService[];
  /** Time-stamp authorities' URLs; at least one is needed with Rekor v2 alone, whose entries carry no time. */
  readonly tsaUrl?: string | readonly string[];
  /** For each request, before it is retried; 20 s unless given (a Rekor v2 log may take that long to publish). */
  readonly timeoutMilliseconds?: number;
  /** Once it is aborted, signing rejects with its reason; what was sent already may still arrive. */
  readonly signal?: AbortSignal;
};

/**
 * Signs a statement. Keylessly: a fresh key, a certificate for it by Fulcio, an entry in every log, a time stamp; with a
 * key: the same without a certificate, the key named by cosign's hint. Returns the v0.3 bundle's JSON bytes.
 *
 * Fails with SIGNING_USAGE, SIGNING_TOKEN_INVALID, SIGNING_IDENTITY_REFUSED, SIGNING_REKOR_REFUSED, SIGNING_TSA_REFUSED
 * (usage), or SIGNING_TOKEN_UNAVAILABLE, SIGNING_FULCIO_UNAVAILABLE, SIGNING_REKOR_UNAVAILABLE, SIGNING_TSA_UNAVAILABLE
 * (unavailable), and with what the identity provider throws when that is a Failure. No message holds the token or key.
 */
export async function signStatement(input: SignStatementInput): Promise<Uint8Array> {
  const rekor = "url" in input.rekor ? [input.rekor] : input.rekor;
  const tsaUrls = typeof input.tsaUrl === "string" ? [input.tsaUrl] : (input.tsaUrl ?? []);
  const fulcio = "fulcioUrl" in input ? { fulcioUrl: input.fulcioUrl } : {};
  assertServices({ ...fulcio, rekor, tsaUrls });
  input.signal?.throwIfAborted();
  keepLoopbackDirect([...Object.values(fulcio), ...rekor.map(({ url }) => url), ...tsaUrls]);
  // Loaded after that: the library reads the proxy's settings once, when it is loaded.
  const { signWithLibrary } = await import("./sign-with-library.ts");
  return await unlessAborted(signWithLibrary(input, { rekor, tsaUrls }), input.signal);
}

/** The library takes no signal: its requests end by their time-outs, and nobody waits for them. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    reject(
      signal.reason instanceof Error
        ? signal.reason
        : new Failure({ code: "INTERRUPTED", kind: "unavailable", message: "Interrupted.", remedy: "Sign again." }),
    );
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
