import { X509Certificate, createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { safeParse } from "../safe-parse.ts";
import { decodeBase64 } from "../sigstore/base64.ts";
import { decodeBase64Url } from "./base64url.ts";
import { kbsUsage } from "./kbs-failure.ts";

/** Whose attestation results are believed: a root that signs nothing else, or the very key. */
export type TokenSigner =
  | { readonly kind: "authority"; readonly roots: readonly [X509Certificate, ...X509Certificate[]] }
  | { readonly kind: "key"; readonly key: KeyObject };

const certificatePem = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** Certificates (PEM) of roots → signer. Throws KBS_TRUST_INVALID (usage) for anything but certificates of authorities. */
export function signerOfAuthority(pem: string): TokenSigner {
  const roots = certificatesOf(pem);
  const [first, ...others] = roots;
  if (first === undefined || !roots.every(({ ca }) => ca)) {
    throw trustInvalid("The token signer's root is not one or more certificates of authorities in PEM.");
  }
  return { kind: "authority", roots: [first, ...others] };
}

/** A P-256 public key (SPKI, PEM) → signer. Throws KBS_TRUST_INVALID (usage). */
export function signerOfKey(pem: string): TokenSigner {
  let key: KeyObject | undefined;
  try {
    key = createPublicKey(pem);
  } catch {
    // Told below; what OpenSSL says may quote the text.
  }
  if (!pem.includes("PRIVATE") && key !== undefined && isP256(key)) return { kind: "key", key };
  throw trustInvalid("The token signer's key is not a P-256 public key in PEM.");
}

/** Every certificate of a PEM text; none where any of it can't be read. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  try {
    return [...pem.matchAll(certificatePem)].map(([text]) => new X509Certificate(text));
  } catch {
    return [];
  }
}

function trustInvalid(message: string): Error {
  return kbsUsage("KBS_TRUST_INVALID", message, "Give the file that the key broker's operator published for it.");
}

export function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
}

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** The `jwk` of a token's header. An x5u is never fetched. */
export const signerJwkSchema = z.strictObject({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: coordinate,
  y: coordinate,
  alg: z.literal("ES256").optional(),
  x5c: z.array(z.string().max(16_384)).min(1).max(4).optional(),
  x5u: z.string().max(2048).optional(),
});

export type SignerKey =
  | { readonly ok: true; readonly key: KeyObject }
  | { readonly ok: false; readonly code: "TOKEN_SIGNER" | "TOKEN_CHAIN"; readonly found: string };

/**
 * The key that may have signed a token with this `jwk` in its header, which is worth nothing by itself: either it is the pinned
 * one, or its chain leads to a pinned root. `x5c` lies within the jwk, in base64 (RFC 7517, section 4.7), in older versions of
 * Trustee in base64url.
 */
export function signerKey(jwk: unknown, signer: TokenSigner, now: Date): SignerKey {
  if (jwk === undefined && signer.kind === "key") return { ok: true, key: signer.key };
  const parsed = safeParse(signerJwkSchema, jwk);
  if (!parsed.success) return { ok: false, code: "TOKEN_SIGNER", found: "a header without a P-256 key" };
  const { kty, crv, x, y, x5c } = parsed.data;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: { kty, crv, x, y }, format: "jwk" });
  } catch {
    return { ok: false, code: "TOKEN_SIGNER", found: "a header whose key is no point on P-256" };
  }
  if (signer.kind === "key") {
    return key.equals(signer.key)
      ? { ok: true, key: signer.key }
      : { ok: false, code: "TOKEN_SIGNER", found: "a header with another key" };
  }
  const fault = chainFault(key, x5c ?? [], signer.roots, now);
  return fault === undefined ? { ok: true, key } : { ok: false, code: "TOKEN_CHAIN", found: fault };
}

/** Undefined when the chain proves the key: leaf, at most one authority between, and a pinned root; all valid now. */
function chainFault(
  key: KeyObject,
  x5c: readonly string[],
  roots: readonly X509Certificate[],
  now: Date,
): string | undefined {
  const chain = x5c.map(certificateOf);
  const certificates = chain.filter((certificate) => certificate !== undefined);
  const [leaf, ...authorities] = certificates;
  if (leaf === undefined || certificates.length !== chain.length) return "no chain of certificates";
  if (leaf.ca) return "an authority's certificate for the signer itself";
  if (!leaf.publicKey.equals(key)) return "a certificate of another key";
  const isRoot = (one: X509Certificate): boolean => roots.some(({ raw }) => raw.equals(one.raw));
  // The root may be sent along; it counts only as the pinned one.
  const sent = authorities.length > 0 && isRoot(authorities.at(-1) ?? leaf) ? authorities.slice(0, -1) : authorities;
  if (sent.length > 1) return "more than one authority between signer and root";
  const path = [leaf, ...sent];
  const last = path.at(-1) ?? leaf;
  const root = roots.find((one) => isIssuedBy(last, one));
  if (root === undefined) return "a chain that leads to no pinned root";
  for (const [index, certificate] of path.entries()) {
    const issuer = path[index + 1] ?? root;
    if (!isIssuedBy(certificate, issuer)) return "a chain with a gap";
  }
  const invalid = [...path, root].find(({ validFromDate: from, validToDate: to }) => !(from <= now && now <= to));
  return invalid === undefined ? undefined : "a certificate that is not valid at this time";
}

function certificateOf(text: string): X509Certificate | undefined {
  const der = decodeBase64(text) ?? decodeBase64Url(text);
  try {
    return der === undefined ? undefined : new X509Certificate(der);
  } catch {
    return undefined;
  }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
