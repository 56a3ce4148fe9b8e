import { createHash, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { labOrganization } from "../../src/core/sigstore/trusted-root.ts";
import {
  bitString,
  certificateTime,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tagged,
  taggedPrimitive,
  trueValue,
  utf8String,
} from "./der.ts";

/** An X.509 name; every authority of the lab carries the lab's organization. */
export interface Name {
  readonly commonName: string;
}

/** What issues certificates: its name and its key pair. */
export interface Issuer {
  readonly name: Name;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface Extension {
  readonly id: string;
  readonly critical?: boolean;
  /** DER, or raw bytes where an extension is defined so. */
  readonly value: Uint8Array;
}

export interface CertificateRequest {
  readonly issuer: Issuer;
  /** Undefined for a signer's certificate: its identity is the alternative name. */
  readonly subject: Name | undefined;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Extension[];
}

/** ecdsa-with-SHA256 (RFC 5758). */
export const ecdsaWithSha256: Buffer = sequence(objectIdentifier("1.2.840.10045.4.3.2"));

/** SubjectPublicKeyInfo, DER. */
export function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" });
}

/** DER of a name: organization, then common name. */
export function nameOf(name: Name | undefined): Buffer {
  if (name === undefined) return sequence();
  const attribute = (id: string, value: string) => setOf(sequence(objectIdentifier(id), utf8String(value)));
  return sequence(attribute("2.5.4.10", labOrganization), attribute("2.5.4.3", name.commonName));
}

export function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha256").update(spkiOf(key)).digest().subarray(0, 20);
}

function encodeExtension({ id, critical, value }: Extension): Buffer {
  return sequence(objectIdentifier(id), ...(critical === true ? [trueValue] : []), octetString(value));
}

/** TBSCertificate (RFC 5280, section 4.1.2), with key identifiers added. `serial` lets two encodings agree. */
export function encodeToBeSigned(request: CertificateRequest, serial: Uint8Array): Buffer {
  const extensions: Extension[] = [
    ...request.extensions,
    { id: "2.5.29.14", value: octetString(keyIdentifier(request.publicKey)) },
    { id: "2.5.29.35", value: sequence(taggedPrimitive(0, keyIdentifier(request.issuer.publicKey))) },
  ];
  return sequence(
    tagged(0, integer(2)),
    integer(serial),
    ecdsaWithSha256,
    nameOf(request.issuer.name),
    sequence(certificateTime(request.notBefore), certificateTime(request.notAfter)),
    nameOf(request.subject),
    spkiOf(request.publicKey),
    tagged(3, sequence(...extensions.map(encodeExtension))),
  );
}

/** Random, positive and of 16 bytes. */
export function newSerial(): Buffer {
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial;
}

/** DER of the signed certificate. */
export function issueCertificate(request: CertificateRequest, serial: Uint8Array = newSerial()): Buffer {
  const toBeSigned = encodeToBeSigned(request, serial);
  const signature = sign("sha256", toBeSigned, request.issuer.privateKey);
  return sequence(toBeSigned, ecdsaWithSha256, bitString(signature));
}

export const extensions = {
  /** For an authority; `pathLength` is how many authorities may stand below it. */
  authority: (pathLength?: number): readonly Extension[] => [
    {
      id: "2.5.29.19",
      critical: true,
      value: sequence(trueValue, ...(pathLength === undefined ? [] : [integer(pathLength)])),
    },
    { id: "2.5.29.15", critical: true, value: bitString(Buffer.of(0x06), 1) }, // keyCertSign, cRLSign
  ],
  digitalSignature: { id: "2.5.29.15", critical: true, value: bitString(Buffer.of(0x80), 7) } satisfies Extension,
  codeSigning: { id: "2.5.29.37", value: sequence(objectIdentifier("1.3.6.1.5.5.7.3.3")) } satisfies Extension,
  timeStamping: {
    id: "2.5.29.37",
    critical: true,
    value: sequence(objectIdentifier("1.3.6.1.5.5.7.3.8")),
  } satisfies Extension,
  /** Critical, as the subject is empty (RFC 5280, section 4.2.1.6). */
  uri: (uri: string): Extension => ({
    id: "2.5.29.17",
    critical: true,
    value: sequence(taggedPrimitive(6, Buffer.from(uri, "ascii"))),
  }),
} as const;

export function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
