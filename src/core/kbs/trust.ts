import type { TrustPolicy } from "../policy/trust-policy.ts";
import { labOrganization } from "../sigstore/trusted-root.ts";
import { trusteeIssuer } from "./ear-token.ts";
import { kbsRefused, kbsUsage } from "./kbs-failure.ts";
import { certificatesOf, signerOfAuthority, signerOfKey } from "./token-signer.ts";
import type { TokenSigner } from "./token-signer.ts";

/**
 * Who the other end of a connection has to be. The system's own authorities are never asked: any of them could vouch for a
 * stranger.
 */
export type TlsPin =
  /** Certificates (PEM); the server's name is compared, too. */
  | { readonly kind: "authority"; readonly pem: string }
  /** SHA-256 of the server's SubjectPublicKeyInfo, 64 hex digits; nothing else of its certificate counts. */
  | { readonly kind: "key"; readonly spkiSha256: string };

/** All that a client of a key broker has to know beforehand. */
export interface KbsTrust {
  readonly tls: TlsPin;
  readonly token: { readonly issuer: string; readonly signer: TokenSigner };
}

/** The content of the files, or options, that an operator gives: of each pair exactly one. */
export interface TrustTexts {
  readonly tlsAuthority?: string;
  readonly tlsKeySha256?: string;
  readonly tokenAuthority?: string;
  readonly tokenKey?: string;
  /** Trustee's `issuer_name`, and its default unless given. */
  readonly tokenIssuer?: string;
}

/**
 * The pins of a client that works under a policy of this environment. Throws KBS_TRUST_INVALID (usage), KBS_TRUST_LAB for roots
 * of a lab anywhere but in `local`.
 */
export function kbsTrust(texts: TrustTexts, environment: TrustPolicy["environment"]): KbsTrust {
  const { tokenAuthority, tokenKey, tokenIssuer = trusteeIssuer } = texts;
  if ((tokenAuthority === undefined) === (tokenKey === undefined)) {
    throw invalid("Give either the root or the key of who signs attestation results.");
  }
  if (tokenIssuer === "") throw invalid("The issuer of attestation results is empty.");
  const signer = tokenAuthority === undefined ? signerOfKey(tokenKey ?? "") : signerOfAuthority(tokenAuthority);
  const tls = tlsPin(texts);
  const roots = certificatesOf(`${texts.tlsAuthority ?? ""}\n${tokenAuthority ?? ""}`);
  if (environment !== "local" && roots.some(({ subject }) => subject.includes(labOrganization))) {
    throw kbsRefused(
      "KBS_TRUST_LAB",
      `A root of the key broker is a lab's (O=${labOrganization}), and the environment is ${environment}.`,
      "Give the roots of the key broker that this environment has.",
    );
  }
  return { tls, token: { issuer: tokenIssuer, signer } };
}

/** The half about the connection alone. Throws KBS_TRUST_INVALID (usage). */
export function tlsPin({ tlsAuthority, tlsKeySha256 }: Pick<TrustTexts, "tlsAuthority" | "tlsKeySha256">): TlsPin {
  if ((tlsAuthority === undefined) === (tlsKeySha256 === undefined)) {
    throw invalid("Give either the root of the key broker's certificate or the digest of its key.");
  }
  if (tlsKeySha256 !== undefined) {
    if (/^[0-9a-f]{64}$/.test(tlsKeySha256)) return { kind: "key", spkiSha256: tlsKeySha256 };
    throw invalid("The digest of the key broker's key is not 64 lower-case hex digits.");
  }
  const pem = tlsAuthority ?? "";
  if (certificatesOf(pem).length === 0)
    throw invalid("The root of the key broker's certificate is no certificate in PEM.");
  return { kind: "authority", pem };
}

function invalid(message: string): Error {
  return kbsUsage("KBS_TRUST_INVALID", message, "Take both from the files that the key broker's operator publishes.");
}
