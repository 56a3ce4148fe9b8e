import type { X509Certificate } from "@sigstore/core";

/** Place of the subject's public key among the parts of a certificate's signed part (RFC 5280, section 4.1). */
const publicKeyIndex = 6;

/**
 * The certificate, which from now on remembers what the library asks of it again and again: its DER form (written anew
 * some thirty times per bundle, to compare certificates with each other) and by which issuer's key it is signed (asked
 * once per trusted time). Without it that is more than half of the time of a verification.
 *
 * What is remembered stays true: nothing changes a certificate once it is parsed, and the library takes the promises of
 * certificate logs out of a copy, which remembers nothing.
 */
export function remembering(certificate: X509Certificate): X509Certificate {
  const { root } = certificate;
  const signedPart = root.subs[0];
  for (const part of [root, signedPart, signedPart?.subs[publicKeyIndex]]) {
    if (part === undefined) continue;
    const write = part.toDER.bind(part);
    let der: Buffer | undefined;
    part.toDER = () => (der ??= write());
  }
  const verify = certificate.verify.bind(certificate);
  const signedBy = new WeakMap<X509Certificate, boolean>();
  let selfSigned: boolean | undefined;
  certificate.verify = (issuer) => {
    if (issuer === undefined) return (selfSigned ??= verify());
    const known = signedBy.get(issuer) ?? verify(issuer);
    signedBy.set(issuer, known);
    return known;
  };
  return certificate;
}
