import type { KeyObject } from "node:crypto";
import { ASN1Obj, X509Certificate, crypto } from "@sigstore/core";

/** Place of the extensions' list among the parts of a certificate's signed part (RFC 5280, section 4.1): tagged [3]. */
const extensionsTag = 3;

/**
 * The certificate, which from now on remembers what the library asks of it again and again: its DER form and that of its
 * parts (written anew some forty times per bundle, to compare certificates with each other and to verify what logs
 * promised), its extensions' object identifiers, and by which issuer's key it is signed (asked once per trusted time).
 * Without it that is more than half of the time of a verification.
 *
 * What is remembered stays true: nothing changes a certificate once it is parsed. The library takes the promise of a
 * certificate log out of a copy: copies have lists of their own, and remember only those of their parts that can't change.
 */
export function remembering(certificate: X509Certificate): X509Certificate {
  const { root } = certificate;
  const signedPart = root.subs[0];
  for (const part of [root, signedPart, ...(signedPart?.subs ?? [])]) rememberDer(part);
  for (const extension of extensionsOf(signedPart)?.subs ?? []) {
    rememberDer(extension);
    rememberIdentifier(extension.subs[0]);
  }
  rememberIssuers(certificate);
  certificate.clone = () => new X509Certificate(copyOf(root));
  return certificate;
}

function rememberDer(part: ASN1Obj | undefined): void {
  if (part === undefined) return;
  const write = part.toDER.bind(part);
  let der: Buffer | undefined;
  part.toDER = () => (der ??= derAsRead(part) ?? write());
}

/**
 * The bytes that a part was read from. The library reads DER alone (one byte of tag, the shortest length, nothing left
 * over), so that writing the part gives these very bytes. Undefined where its header does not lie before its value, or its
 * parts don't fill it: then it was not read from there.
 */
function derAsRead({ tag, value, subs }: ASN1Obj): Buffer | undefined {
  const header = headerOf(tag.toDER(), value.length);
  const start = value.byteOffset - header.length;
  if (start < 0) return undefined;
  let end = value.byteOffset;
  for (const part of subs) {
    end += headerOf(part.tag.toDER(), part.value.length).length + part.value.length;
    if (part.value.buffer !== value.buffer || part.value.byteOffset + part.value.length !== end) return undefined;
  }
  if (subs.length > 0 && end !== value.byteOffset + value.length) return undefined;
  const der = Buffer.from(value.buffer, start, header.length + value.length);
  return der.subarray(0, header.length).equals(header) ? der : undefined;
}

/** Tag and length (X.690, section 8.1.3). */
function headerOf(tag: number, length: number): Buffer {
  if (length < 128) return Buffer.of(tag, length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.of(tag, 0x80 | bytes.length, ...bytes);
}

function rememberIdentifier(part: ASN1Obj | undefined): void {
  if (part?.tag.isOID() !== true) return;
  const read = part.toOID.bind(part);
  let identifier: string | undefined;
  part.toOID = () => (identifier ??= read());
}

/** As the library's `verify` does, but for the keys: those of issuers are read once. */
function rememberIssuers(certificate: X509Certificate): void {
  const signedBy = new WeakMap<X509Certificate, boolean>();
  certificate.verify = (issuer = certificate) => {
    const { tbsCertificate, signatureValue, signatureAlgorithm } = certificate;
    const known =
      signedBy.get(issuer) ?? crypto.verify(tbsCertificate.toDER(), keyOf(issuer), signatureValue, signatureAlgorithm);
    signedBy.set(issuer, known);
    return known;
  };
}

const keys = new WeakMap<X509Certificate, KeyObject>();

function keyOf(issuer: X509Certificate): KeyObject {
  const key = keys.get(issuer) ?? crypto.createPublicKey(issuer.publicKey);
  keys.set(issuer, key);
  return key;
}

function extensionsOf(signedPart: ASN1Obj | undefined): ASN1Obj | undefined {
  return signedPart?.subs.find((part) => part.tag.isContextSpecific(extensionsTag))?.subs[0];
}

/** New objects with lists of their own from the root down to the list of extensions; what lies beside or below is shared. */
function copyOf(root: ASN1Obj): ASN1Obj {
  const [signedPart, ...others] = root.subs;
  const extensions = extensionsOf(signedPart);
  if (signedPart === undefined || extensions === undefined) return withParts(root, root.subs);
  const parts = signedPart.subs.map((part) =>
    part.subs[0] === extensions
      ? withParts(part, [withParts(extensions, extensions.subs), ...part.subs.slice(1)])
      : part,
  );
  return withParts(root, [withParts(signedPart, parts), ...others]);
}

function withParts({ tag, value }: ASN1Obj, parts: readonly ASN1Obj[]): ASN1Obj {
  return new ASN1Obj(tag, value, [...parts]);
}
