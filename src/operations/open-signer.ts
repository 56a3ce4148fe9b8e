import { signStatement } from "../adapters/fulcio-rekor/sign-statement.ts";
import { Failure } from "../core/failure.ts";
import { identityDifference } from "../core/sigstore/identity-difference.ts";
import { readIdentityToken } from "../core/sigstore/identity-token.ts";
import type { TokenIdentity } from "../core/sigstore/identity-token.ts";
import { assertServices } from "../core/sigstore/signing-services.ts";
import type { SigningServices } from "../core/sigstore/signing-services.ts";
import { chooseSigningServices } from "./choose-signing-services.ts";
import type { ServiceOptions } from "./choose-signing-services.ts";
import { tokenSource } from "./identity-token.ts";
import type { TokenSource } from "./identity-token.ts";
import type { StatementSigner } from "./publish-statement.ts";
import { readKey } from "./signing-key-file.ts";

/** How the command line says who signs. */
export interface SignerOptions extends ServiceOptions {
  /** A private key's file, or `env://NAME`; without it signing is keyless. */
  readonly key?: string;
  /** `-` is standard input. */
  readonly identityTokenFile?: string;
}

export interface SignerContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
}

/** A signer, and what is known of it before anything is signed. */
export type OpenedSigner = StatementSigner &
  (
    | {
        readonly kind: "keyless";
        /** What the token says; the certificate of every signature is compared with it. */
        readonly identity: TokenIdentity;
        /** Where the token came from. */
        readonly tokenFrom: string;
      }
    | {
        readonly kind: "key";
        /** `sha256:<hex>` of the public key's SPKI DER. */
        readonly fingerprint: string;
        /** SPKI PEM, for `cosign verify --key`. */
        readonly publicKey: string;
      }
  );

/**
 * Makes the signer that the options name: keyless unless a key is. Reads and judges token or key, and the services'
 * addresses, before anything is sent to a Sigstore service. Throws SIGNER_AMBIGUOUS (usage) and what tokenSource, readKey,
 * readIdentityToken and chooseSigningServices throw.
 */
export async function openSigner(options: SignerOptions, context: SignerContext): Promise<OpenedSigner> {
  if (options.key !== undefined && options.identityTokenFile !== undefined) {
    throw new Failure({
      code: "SIGNER_AMBIGUOUS",
      kind: "usage",
      message: "Both a key and an identity token are named, and only one of them can sign.",
      remedy: "Give --key or --identity-token-file, not both.",
    });
  }
  const services = chooseSigningServices(options, options.key === undefined ? "keyless" : "key", context.now());
  assertServices(services);
  if (options.key !== undefined) return keyedSigner(options.key, services, context);
  const { identityTokenFile: file } = options;
  const { environment, signal } = context;
  const source = tokenSource({
    environment,
    ...(file === undefined ? {} : { file }),
    ...(signal === undefined ? {} : { signal }),
  });
  return await keylessSigner(source, services, context);
}

function keyedSigner(place: string, services: SigningServices, context: SignerContext): OpenedSigner {
  const key = readKey(place, context.environment);
  const { rekor, tsaUrls: tsaUrl } = services;
  return {
    kind: "key",
    name: `key ${key.fingerprint}`,
    fingerprint: key.fingerprint,
    publicKey: key.publicKey,
    sign: (statement) => signStatement({ statement, key, rekor, tsaUrl, ...signalOf(context) }),
  };
}

/** A token that is nearly spent is fetched anew where that can be done. */
const leastMilliseconds = 60_000;

async function keylessSigner(
  source: TokenSource,
  services: SigningServices,
  context: SignerContext,
): Promise<OpenedSigner> {
  let token = await source.read();
  let identity = readIdentityToken(token, context.now());
  const first = identity;
  const freshToken = async (): Promise<string> => {
    const left = identity.expires.getTime() - context.now().getTime();
    if (left < leastMilliseconds && source.renews) {
      token = await source.read();
      identity = readIdentityToken(token, context.now());
      if (identity.subject !== first.subject || identity.issuer !== first.issuer) {
        throw unexpectedIdentity(first, `a token for ${identity.subject} by ${identity.issuer}`);
      }
    } else if (left <= 0) readIdentityToken(token, context.now());
    return token;
  };
  const { fulcioUrl = "", rekor, tsaUrls: tsaUrl } = services;
  return {
    kind: "keyless",
    name: first.subject,
    identity: first,
    tokenFrom: source.name,
    sign: async (statement) => {
      const identityToken = await freshToken();
      const input = { statement, identityToken, fulcioUrl, rekor, tsaUrl, ...signalOf(context) };
      const bundle = await signStatement(input);
      const difference = identityDifference(bundle, first);
      if (difference !== undefined) throw unexpectedIdentity(first, difference);
      return bundle;
    },
  };
}

function signalOf({ signal }: SignerContext): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function unexpectedIdentity(expected: TokenIdentity, found: string): Failure {
  return new Failure({
    code: "SIGNING_IDENTITY_UNEXPECTED",
    kind: "refused",
    message: `The certificate does not name what the token does (${expected.subject} by ${expected.issuer}): ${found}.`,
    remedy: "Check which Fulcio issued it; nothing was attached with it.",
  });
}
