import { createHash } from "node:crypto";
import type { Certificate } from "./certificate.ts";
import { verifiesP256 } from "./p256.ts";

/**
 * Answers that follow from bytes alone, kept by the digest of these bytes: the same few of Intel's certificates and statements stand
 * behind every quote. Nothing that depends on a time is kept, so what is remembered stays true.
 */
export function rememberedByDigest<T>(most: number): (digest: string, make: () => T) => T {
  const known = new Map<string, T>();
  return (digest, make) => {
    const found = known.get(digest);
    if (found !== undefined) return found;
    const made = make();
    const [oldest] = known.keys();
    if (known.size >= most && oldest !== undefined) known.delete(oldest);
    known.set(digest, made);
    return made;
  };
}

const authorities = rememberedByDigest<boolean>(64);

/**
 * Whether the issuer's key signed the certificate. Remembered for authorities: they are few, and stand above every quote. A
 * platform's own certificate is verified each time.
 */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const check = (): boolean => verifiesP256(issuer.key, certificate.signed, certificate.signature, "der");
  if (certificate.authority === undefined) return check();
  const hash = createHash("sha256");
  for (const part of [issuer.spki, certificate.signed, certificate.signature])
    hash.update(`${part.length}:`).update(part);
  return authorities(hash.digest("base64"), check);
}
