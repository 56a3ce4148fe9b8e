import type { KeyObject } from "node:crypto";
import { reasonOf } from "../failure.ts";
import {
  derBits,
  derBoolean,
  derBytes,
  derIdentifier,
  derNumber,
  derParts,
  derTags,
  derTime,
  derUnsigned,
} from "./der.ts";
import { readDer, tagged } from "./der.ts";
import type { DerElement } from "./der.ts";
import { faulty, judged } from "./fault.ts";
import type { Judged } from "./fault.ts";
import { p256Key } from "./p256.ts";

/** A certificate taken apart (RFC 5280, section 4.1); nothing of it is believed until its chain holds. */
export interface Certificate {
  /** Serial number, without leading zeros: lower-case hex. */
  readonly serial: string;
  /** DER of the names, which are compared byte by byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** The subject's one common name. */
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly key: KeyObject;
  /** For an authority: how many authorities may stand below it, or Infinity. */
  readonly authority?: { readonly pathLength: number };
  readonly mayDigitallySign: boolean;
  readonly maySignCertificates: boolean;
  readonly maySignLists: boolean;
  /** Extension values by object identifier. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
  /** What the issuer signed, and its signature (DER). */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

const ecdsaWithSha256 = "1.2.840.10045.4.3.2";
const commonName = "2.5.4.3";
const basicConstraints = "2.5.29.19";
const keyUsage = "2.5.29.15";
/** What may be critical: what is not understood must be refused (RFC 5280, section 4.2). */
const understood = new Set([basicConstraints, keyUsage]);
const serialBytesMost = 20;

/** Reads a certificate from DER: version 3, P-256, ECDSA with SHA-256. Refuses all else with CERTIFICATE_INVALID. */
export function readCertificate(der: Uint8Array, subject: string): Judged<Certificate> {
  try {
    return judged(decode(der));
  } catch (error) {
    return faulty("CERTIFICATE_INVALID", subject, "an X.509 certificate as Intel issues them", reasonOf(error));
  }
}

/** Certificate and CertificateList: what is signed, by which algorithm, the signature. */
export function readSigned(der: Uint8Array): {
  readonly parts: DerElement[];
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
} {
  const [toBeSigned, algorithm, signature, ...more] = derParts(readDer(der, derTags.sequence));
  if (more.length > 0) throw new Error("it has parts after its signature");
  assertAlgorithm(algorithm);
  const signed = tagged(toBeSigned, derTags.sequence);
  return { parts: derParts(signed), signed: signed.whole, signature: derBytes(signature) };
}

export function assertAlgorithm(element: DerElement | undefined): void {
  const [identifier, ...parameters] = derParts(tagged(element, derTags.sequence));
  if (derIdentifier(identifier) !== ecdsaWithSha256 || parameters.length > 0)
    throw new Error("it is not signed with ECDSA and SHA-256");
}

function decode(der: Uint8Array): Certificate {
  const { parts, signed, signature } = readSigned(der);
  const [version, serial, algorithm, issuer, validity, subject, spki, extensions, ...more] = parts;
  if (more.length > 0) throw new Error("it has parts after its extensions");
  if (derNumber(readDer(tagged(version, 0xa0).content), 2) !== 2) throw new Error("it is not of version 3");
  assertAlgorithm(algorithm);
  const [notBefore, notAfter, ...times] = derParts(tagged(validity, derTags.sequence));
  if (times.length > 0) throw new Error("it has more than two times of validity");
  const key = p256Key(tagged(spki, derTags.sequence).whole);
  if (key === undefined || spki === undefined) throw new Error("its key is not a point on P-256");
  const values = readExtensions(readDer(tagged(extensions, 0xa3).content, derTags.sequence), understood);
  const authority = readConstraints(values.get(basicConstraints));
  return {
    serial: readSerial(serial),
    issuer: tagged(issuer, derTags.sequence).whole,
    subject: tagged(subject, derTags.sequence).whole,
    commonName: readCommonName(tagged(subject, derTags.sequence)),
    notBefore: derTime(notBefore),
    notAfter: derTime(notAfter),
    spki: spki.whole,
    key,
    ...(authority === undefined ? {} : { authority }),
    ...readUsage(values.get(keyUsage)),
    extensions: values,
    signed,
    signature,
  };
}

export function readSerial(element: DerElement | undefined): string {
  const bytes = derUnsigned(element);
  if (bytes.length > serialBytesMost) throw new Error("it has a serial number of more than 20 bytes");
  return Buffer.from(bytes).toString("hex");
}

/** Extension values by object identifier. An unknown one that is critical, or one that is there twice, throws. */
export function readExtensions(list: DerElement, known: ReadonlySet<string>): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  for (const extension of derParts(list)) {
    const [identifier, second, third, ...more] = derParts(tagged(extension, derTags.sequence));
    const id = derIdentifier(identifier);
    const critical = third !== undefined && derBoolean(second);
    // FALSE is the default, and DER never writes a default (X.690, section 11.5).
    if (third !== undefined && !critical) throw new Error(`it writes that the extension ${id} is not critical`);
    if (more.length > 0) throw new Error(`its extension ${id} is malformed`);
    if (critical && !known.has(id)) throw new Error(`its extension ${id} is critical and not known`);
    if (values.has(id)) throw new Error(`it has the extension ${id} twice`);
    values.set(id, tagged(third ?? second, derTags.octetString).content);
  }
  return values;
}

function readConstraints(value: Uint8Array | undefined): Certificate["authority"] {
  if (value === undefined) return undefined;
  const [first, second, ...more] = derParts(readDer(value, derTags.sequence));
  if (more.length > 0) throw new Error("its basic constraints are malformed");
  if (first === undefined) return undefined;
  if (!derBoolean(first)) {
    // Written out though it is the default: not DER, but no authority either. Nothing may follow.
    if (second !== undefined) throw new Error("its basic constraints are malformed");
    return undefined;
  }
  return { pathLength: second === undefined ? Infinity : derNumber(second, 16) };
}

function readUsage(
  value: Uint8Array | undefined,
): Pick<Certificate, "mayDigitallySign" | "maySignCertificates" | "maySignLists"> {
  const bit = value === undefined ? () => false : derBits(readDer(value));
  return { mayDigitallySign: bit(0), maySignCertificates: bit(5), maySignLists: bit(6) };
}

function readCommonName(name: DerElement): string {
  const found: string[] = [];
  for (const relative of derParts(name)) {
    for (const attribute of derParts(tagged(relative, derTags.set))) {
      const [type, value] = derParts(tagged(attribute, derTags.sequence));
      if (derIdentifier(type) !== commonName) continue;
      if (value?.tag !== derTags.utf8String && value?.tag !== derTags.printableString)
        throw new Error("its common name is not text");
      found.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value.content));
    }
  }
  const [only, ...more] = found;
  if (only === undefined || more.length > 0) throw new Error(`it has ${found.length} common names, not one`);
  return only;
}
