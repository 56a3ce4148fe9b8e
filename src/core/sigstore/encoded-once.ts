import type { X509Certificate } from "@sigstore/core";

/** Place of the subject's public key among the parts of a certificate's signed part (RFC 5280, section 4.1). */
const publicKeyIndex = 6;

/**
 * The certificate, which from now on remembers its DER form, that of its signed part and that of its public key. The
 * library writes them anew some thirty times per bundle, to compare certificates with each other; that was half of the
 * time of a verification. Nothing changes a certificate once it is parsed (the library takes the promises of
 * certificate logs out of a copy), so the bytes stay true.
 */
export function encodedOnce(certificate: X509Certificate): X509Certificate {
  const { root } = certificate;
  const signedPart = root.subs[0];
  for (const part of [root, signedPart, signedPart?.subs[publicKeyIndex]]) {
    if (part === undefined) continue;
    const write = part.toDER.bind(part);
    let der: Buffer | undefined;
    part.toDER = () => (der ??= write());
  }
  return certificate;
}
