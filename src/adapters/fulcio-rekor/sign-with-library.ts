import { bundleToJSON } from "@sigstore/bundle";
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from "@sigstore/sign";
import type { IdentityProvider, Signer, Witness } from "@sigstore/sign";
import { Failure } from "../../core/failure.ts";
import { payloadType } from "../../core/intoto/statement.ts";
import type { RekorService, SigningServices } from "../../core/sigstore/signing-services.ts";
import { hashedRekordWitness } from "./hashed-rekord-witness.ts";
import { keySigner, withKeyHint } from "./key-signer.ts";
import { publicKeyWitness } from "./public-key-witness.ts";
import type { SignStatementInput } from "./sign-statement.ts";
import { signingFailure } from "./signing-failure.ts";

/** For each request. */
interface Limits {
  readonly retry: number;
  readonly timeout: number;
}

/** The part of signStatement that needs the sigstore library; services are those of the input, checked. */
export async function signWithLibrary(
  input: SignStatementInput,
  { rekor, tsaUrls }: Pick<SigningServices, "rekor" | "tsaUrls">,
): Promise<Uint8Array> {
  const limits: Limits = { retry: 2, timeout: input.timeoutMilliseconds ?? 20_000 };
  const witnesses = [
    ...rekor.map((log) => rekorWitness(log, input, limits)),
    ...tsaUrls.map((url) => new TSAWitness({ tsaBaseURL: withoutSlash(url), ...limits })),
  ];
  const provider = rememberingFailure(identityProviderOf(input));
  const builder = new DSSEBundleBuilder({ signer: signerOf(input, provider, limits), witnesses });
  try {
    const bundle = await builder.create({ data: Buffer.from(input.statement), type: payloadType });
    const named = "key" in input ? withKeyHint(bundle, input.key) : bundle;
    return new TextEncoder().encode(JSON.stringify(bundleToJSON(named)));
  } catch (error) {
    throw provider.failure() ?? (error instanceof Failure ? error : signingFailure(error));
  }
}

function identityProviderOf(input: SignStatementInput): IdentityProvider {
  if ("identityProvider" in input) return input.identityProvider;
  const token = "identityToken" in input ? input.identityToken : "";
  return { getToken: () => Promise.resolve(token) };
}

/** The library wraps what a provider throws; a Failure says more than that. */
function rememberingFailure(
  provider: IdentityProvider,
): IdentityProvider & { readonly failure: () => Failure | undefined } {
  let failure: Failure | undefined;
  return {
    getToken: async () => {
      try {
        return await provider.getToken();
      } catch (error) {
        if (error instanceof Failure) failure = error;
        throw error;
      }
    },
    failure: () => failure,
  };
}

function signerOf(input: SignStatementInput, identityProvider: IdentityProvider, limits: Limits): Signer {
  if ("key" in input) return keySigner(input.key);
  return new FulcioSigner({ fulcioBaseURL: withoutSlash(input.fulcioUrl), identityProvider, ...limits });
}

function rekorWitness({ url, version }: RekorService, input: SignStatementInput, limits: Limits): Witness {
  const rekorBaseURL = withoutSlash(url);
  if (version === 2 && "key" in input) return publicKeyWitness(rekorBaseURL, { ...limits, signal: input.signal });
  const rekor = new RekorWitness({ rekorBaseURL, majorApiVersion: version, entryType: "dsse", ...limits });
  return version === 1 ? rekor : hashedRekordWitness(rekor);
}

/** The library joins URLs with `/`. */
function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
