import { createHash, hash } from "node:crypto";
import type { Certificate } from "./certificate.ts";
import type { Judged } from "./fault.ts";
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

const read = rememberedByDigest<Judged<Certificate>>(64);
const signed = rememberedByDigest<boolean>(64);

/** An authority's certificate, read once: authorities are few, and stand above the certificates of all platforms. */
export function readOnce(
  der: Uint8Array,
  subject: string,
  make: (der: Uint8Array, subject: string) => Judged<Certificate>,
): Judged<Certificate> {
  // The subject is in the faults.
  return read(`${hash("sha256", der, "base64")} ${subject}`, () => make(Uint8Array.from(der), subject));
}

/** Whether the issuer's key signed the certificate; remembered for authorities, in the same way. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const check = (): boolean => verifiesP256(issuer.key, certificate.signed, certificate.signature, "der");
  if (certificate.authority === undefined) return check();
  const digest = createHash("sha256");
  for (const part of [issuer.spki, certificate.signed, certificate.signature])
    digest.update(`${part.length}:`).update(part);
  return signed(digest.digest("base64"), check);
}
