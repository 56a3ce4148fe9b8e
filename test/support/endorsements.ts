import { constants, generateKeyPairSync, sign } from "node:crypto";
import protobuf from "google-protobuf";
import { extensions, issueCertificate } from "../../lab/sigstore/certificates.ts";
import type { Issuer } from "../../lab/sigstore/certificates.ts";

const notBefore = new Date("2026-01-01T00:00:00Z");
const notAfter = new Date("2030-01-01T00:00:00Z");

function authority(commonName: string, extra = extensions.authority(0)) {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer: Issuer = { name: { commonName }, ...keys };
  const request = { issuer, subject: issuer.name, publicKey: keys.publicKey, notBefore, notAfter, extensions: extra };
  return { issuer, certificate: issueCertificate(request) };
}

/** Who signs endorsements in tests: a root as Google's, and others that are none. */
export const root = authority("Endorsement test root");
export const otherRoot = authority("Endorsement test root");
export const noAuthority = authority("Endorsement test root", [extensions.digitalSignature]);
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });

export interface SignerChanges {
  readonly issuer?: Issuer;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}
export function signerCertificate(changes: SignerChanges = {}): Buffer {
  return issueCertificate({
    issuer: root.issuer,
    subject: { commonName: "Endorsement test signer" },
    publicKey: rsa.publicKey,
    notBefore,
    notAfter,
    extensions: [extensions.digitalSignature],
    ...changes,
  });
}

export interface GoldenFields {
  readonly seconds?: number;
  readonly changelist?: number;
  readonly commit?: Uint8Array;
  readonly certificate?: Uint8Array;
  readonly digest?: Uint8Array;
  readonly measurements?: readonly { readonly ram?: number; readonly early?: boolean; readonly mrtd: Uint8Array }[];
  readonly tdx?: boolean;
  /** Written behind the rest. */
  readonly more?: (writer: protobuf.BinaryWriter) => void;
}

export const mrtds = [1, 2].map((byte) => Buffer.alloc(48, byte));

/** VMGoldenMeasurement, by Google's own writer of protocol buffers. */
export function golden(fields: GoldenFields = {}): Uint8Array {
  const {
    seconds = 1_790_000_000,
    changelist = 123_456,
    commit = new Uint8Array(),
    certificate = signerCertificate(),
    digest = Buffer.alloc(48, 9),
    measurements = [
      { ram: 16, mrtd: mrtds[0]! },
      { ram: 352, early: true, mrtd: mrtds[1]! },
    ],
    tdx = true,
  } = fields;
  const writer = new protobuf.BinaryWriter();
  writer.writeMessage(1, {}, (_value: object, inner: protobuf.BinaryWriter) => {
    inner.writeInt64(1, seconds);
  });
  if (changelist !== 0) writer.writeUint64(2, changelist);
  if (commit.length > 0) writer.writeBytes(3, commit);
  writer.writeBytes(4, certificate);
  writer.writeBytes(5, digest);
  // Another technology's part is of no interest.
  writer.writeMessage(7, {}, (_value: object, inner: protobuf.BinaryWriter) => {
    inner.writeUint32(1, 3);
  });
  if (tdx) {
    writer.writeMessage(8, {}, (_value: object, inner: protobuf.BinaryWriter) => {
      inner.writeUint32(1, 7);
      for (const { ram = 0, early = false, mrtd } of measurements) {
        inner.writeMessage(2, {}, (_one: object, measurement: protobuf.BinaryWriter) => {
          if (ram !== 0) measurement.writeUint32(1, ram);
          if (early) measurement.writeBool(2, early);
          measurement.writeBytes(3, mrtd);
        });
      }
    });
  }
  fields.more?.(writer);
  return writer.getResultBuffer();
}

export function signPss(data: Uint8Array, saltLength: number = constants.RSA_PSS_SALTLEN_DIGEST): Buffer {
  return sign("sha256", data, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
}

/** VMLaunchEndorsement. */
export function endorsementOf(
  signed: Uint8Array,
  signature: Uint8Array = signPss(signed),
  more?: (writer: protobuf.BinaryWriter) => void,
): Uint8Array {
  const writer = new protobuf.BinaryWriter();
  writer.writeBytes(1, signed);
  writer.writeBytes(2, signature);
  more?.(writer);
  return writer.getResultBuffer();
}
