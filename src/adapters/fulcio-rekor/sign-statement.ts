import { bundleToJSON } from "@sigstore/bundle";
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from "@sigstore/sign";
import type { IdentityProvider, Witness } from "@sigstore/sign";
import { Failure } from "../../core/failure.ts";
import { payloadType } from "../../core/intoto/statement.ts";
import { hashedRekordWitness } from "./hashed-rekord-witness.ts";
import { signingFailure } from "./signing-failure.ts";

/** A transparency log to enter the signature into. */
export interface RekorService {
  /** Base URL, without `/api/…`. */
  readonly url: string;
  readonly version: 1 | 2;
}

/** Who signs: a token at hand, or what fetches one (for example GitHub Actions' endpoint). Name the provider; nothing is looked up. */
export type SigningIdentity = { readonly identityToken: string } | { readonly identityProvider: IdentityProvider };

export type SignStatementInput = SigningIdentity & {
  /** The in-toto statement's bytes; signed as they are (writeStatement makes them). */
  readonly statement: Uint8Array;
  readonly fulcioUrl: string;
  /** One log, or several when a policy demands several. */
  readonly rekor: RekorService | readonly RekorService[];
  /** Time-stamp authority's URL; needed with Rekor v2, whose entries carry no time. */
  readonly tsaUrl?: string;
  /** For each request, before it is retried; 20 s unless given (a Rekor v2 log may take that long to publish). */
  readonly timeoutMilliseconds?: number;
};

/**
 * Signs a statement keylessly: a fresh key, a certificate for it by Fulcio, an entry in every log, a time stamp. Returns
 * the v0.3 bundle's JSON bytes.
 *
 * Fails with SIGNING_USAGE, SIGNING_TOKEN_INVALID, SIGNING_IDENTITY_REFUSED, SIGNING_REKOR_REFUSED, SIGNING_TSA_REFUSED
 * (usage), or SIGNING_TOKEN_UNAVAILABLE, SIGNING_FULCIO_UNAVAILABLE, SIGNING_REKOR_UNAVAILABLE, SIGNING_TSA_UNAVAILABLE
 * (unavailable). No message holds the token.
 */
export async function signStatement(input: SignStatementInput): Promise<Uint8Array> {
  const logs = "url" in input.rekor ? [input.rekor] : input.rekor;
  assertUsable(input, logs);
  const limits = { retry: 2, timeout: input.timeoutMilliseconds ?? 20_000 };
  const identityProvider = "identityProvider" in input ? input.identityProvider : fixedToken(input.identityToken);
  const builder = new DSSEBundleBuilder({
    signer: new FulcioSigner({ fulcioBaseURL: withoutSlash(input.fulcioUrl), identityProvider, ...limits }),
    witnesses: [
      ...logs.map((log) => rekorWitness(log, limits)),
      ...(input.tsaUrl === undefined ? [] : [new TSAWitness({ tsaBaseURL: withoutSlash(input.tsaUrl), ...limits })]),
    ],
  });
  try {
    const bundle = await builder.create({ data: Buffer.from(input.statement), type: payloadType });
    return new TextEncoder().encode(JSON.stringify(bundleToJSON(bundle)));
  } catch (error) {
    throw signingFailure(error);
  }
}

function rekorWitness({ url, version }: RekorService, limits: { retry: number; timeout: number }): Witness {
  const rekor = new RekorWitness({
    rekorBaseURL: withoutSlash(url),
    majorApiVersion: version,
    entryType: "dsse",
    ...limits,
  });
  return version === 1 ? rekor : hashedRekordWitness(rekor);
}

function fixedToken(token: string): IdentityProvider {
  return { getToken: () => Promise.resolve(token) };
}

/** The library joins URLs with `/`. */
function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

function assertUsable(input: SignStatementInput, logs: readonly RekorService[]): void {
  const usage = (message: string, remedy: string): Failure =>
    new Failure({ code: "SIGNING_USAGE", kind: "usage", message, remedy });
  if (logs.length === 0)
    throw usage("No transparency log is named.", "Name a Rekor log: verification demands an entry.");
  if (input.tsaUrl === undefined && logs.every((log) => log.version === 2)) {
    throw usage(
      "Rekor v2 gives no time, and no time-stamp authority is named.",
      "Name a time-stamp authority with tsaUrl.",
    );
  }
  for (const url of [
    input.fulcioUrl,
    ...logs.map((log) => log.url),
    ...(input.tsaUrl === undefined ? [] : [input.tsaUrl]),
  ]) {
    const parsed = URL.parse(url);
    const loopback =
      parsed?.hostname === "127.0.0.1" || parsed?.hostname === "localhost" || parsed?.hostname === "[::1]";
    if (parsed?.protocol === "https:" || (parsed?.protocol === "http:" && loopback)) continue;
    throw usage(
      `"${url.slice(0, 200)}" is not an https URL (http is for loopback only).`,
      "Correct the service's URL.",
    );
  }
}
