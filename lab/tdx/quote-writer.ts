import { createHash, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { TdReport } from "../../src/core/tdx/contract.ts";
import {
  bodyTypes,
  certificationTypes,
  ecdsaP256KeyType,
  intelQeVendor,
  tdxTeeType,
} from "../../src/core/tdx/quote.ts";
import { tdReportFields, tdReportSizes } from "../../src/core/tdx/td-report.ts";
import { spkiOf } from "../sigstore/certificates.ts";
import { uint16, uint32 } from "./little-endian.ts";
import { pemChain } from "./pki.ts";
import type { TdxPki } from "./pki.ts";

/** The lab's quoting enclave, as its QE identity describes it: SVN 4, not debugged, and nobody's real signer. */
export const labQe = {
  miscSelect: "00000000",
  attributes: "11000000000000000000000000000000",
  mrSigner: createHash("sha256").update("NEKO-LAB-NOT-FOR-PRODUCTION").digest("hex"),
  productId: 2,
  svn: 4,
} as const;

/** What a quote may say or have other than a real one: for what must be refused. Everything is signed as it then is. */
export interface QuoteChanges {
  /** 4 unless the report is of TD 1.5. */
  readonly version?: number;
  readonly keyType?: number;
  readonly teeType?: number;
  /** 16 bytes, hex. */
  readonly vendor?: string;
  /** Only in version 5. */
  readonly bodyType?: number;
  readonly bodySize?: number;
  readonly qe?: Partial<{ miscSelect: string; attributes: string; mrSigner: string; productId: number; svn: number }>;
  /** 64 bytes that the QE report has instead of the attestation key's digest. */
  readonly qeReportData?: Uint8Array;
  readonly authenticationData?: Uint8Array;
  readonly certificationType?: number;
  readonly innerCertificationType?: number;
  /** Instead of the PCK's chain. */
  readonly certificates?: Uint8Array;
  /** 64 bytes instead of the attestation key. */
  readonly attestationKey?: Uint8Array;
  /** Who signs header and body, and the QE report. */
  readonly bodySigner?: KeyObject;
  readonly qeSigner?: KeyObject;
  /** Bytes within the signature's length, after the certification data. */
  readonly insideTrailer?: Uint8Array;
  /** Bytes after the quote. */
  readonly trailer?: Uint8Array;
}

/** Signs as quotes and collateral are signed: ECDSA with SHA-256, r ‖ s. */
export function signP1363(bytes: Uint8Array, key: KeyObject): Buffer {
  return sign("sha256", bytes, { key, dsaEncoding: "ieee-p1363" });
}

/** The bytes of a real quote of this report, by the lab's platform. */
export function writeQuote(pki: TdxPki, report: TdReport, changes: QuoteChanges = {}): Buffer {
  const version = changes.version ?? (report.td15 === undefined ? 4 : 5);
  const body = writeBody(report);
  const signed = Buffer.concat([
    writeHeader(version, changes),
    ...(version === 5 ? [writeBodyDescriptor(report, changes)] : []),
    version === 5 ? body : body.subarray(0, tdReportSizes.td10),
  ]);
  const attestationKey = changes.attestationKey ?? spkiOf(pki.attestation.publicKey).subarray(-64);
  const inner = writeQeData(pki, attestationKey, changes);
  const signature = Buffer.concat([
    signP1363(signed, changes.bodySigner ?? pki.attestation.privateKey),
    attestationKey,
    certification(changes.certificationType ?? certificationTypes.qeReport, inner),
    changes.insideTrailer ?? Buffer.alloc(0),
  ]);
  return Buffer.concat([signed, uint32(signature.length), signature, changes.trailer ?? Buffer.alloc(0)]);
}

function certification(type: number, data: Uint8Array): Buffer {
  return Buffer.concat([uint16(type), uint32(data.length), data]);
}

function writeHeader(version: number, changes: QuoteChanges): Buffer {
  return Buffer.concat([
    uint16(version),
    uint16(changes.keyType ?? ecdsaP256KeyType),
    uint32(changes.teeType ?? tdxTeeType),
    Buffer.alloc(4),
    Buffer.from(changes.vendor ?? intelQeVendor, "hex"),
    Buffer.alloc(20),
  ]);
}

function writeBodyDescriptor({ td15 }: TdReport, changes: QuoteChanges): Buffer {
  const [type, size] = td15 === undefined ? [bodyTypes.td10, tdReportSizes.td10] : [bodyTypes.td15, tdReportSizes.td15];
  return Buffer.concat([uint16(changes.bodyType ?? type), uint32(changes.bodySize ?? size)]);
}

function writeBody(report: TdReport): Buffer {
  const body = Buffer.alloc(report.td15 === undefined ? tdReportSizes.td10 : tdReportSizes.td15);
  const values: Readonly<Record<string, unknown>> = { ...report, ...report.td15 };
  for (const [name, [offset, length]] of Object.entries(tdReportFields)) {
    if (offset >= body.length) continue;
    const value = values[name];
    const bytes = typeof value === "string" ? Buffer.from(value, "hex") : value;
    if (!(bytes instanceof Uint8Array) || bytes.length !== length)
      throw new Error(`${name} of a report must be of ${length} bytes`);
    body.set(bytes, offset);
  }
  return body;
}

function writeQeData(pki: TdxPki, attestationKey: Uint8Array, changes: QuoteChanges): Buffer {
  const authenticationData = changes.authenticationData ?? Buffer.from(Array.from({ length: 32 }, (_, index) => index));
  const bound = createHash("sha256").update(attestationKey).update(authenticationData).digest();
  const qe = { ...labQe, ...changes.qe };
  const report = Buffer.alloc(384);
  report.set(Buffer.from(qe.miscSelect, "hex"), 16);
  report.set(Buffer.from(qe.attributes, "hex"), 48);
  report.set(Buffer.from(qe.mrSigner, "hex"), 128);
  report.writeUInt16LE(qe.productId, 256);
  report.writeUInt16LE(qe.svn, 258);
  report.set(changes.qeReportData ?? bound, 320);
  // Intel's enclave ends the chain with a NUL.
  const chain = changes.certificates ?? Buffer.from(`${pemChain(pki.pck, pki.platformCa, pki.root)}\0`, "latin1");
  return Buffer.concat([
    report,
    signP1363(report, changes.qeSigner ?? pki.pck.privateKey),
    uint16(authenticationData.length),
    authenticationData,
    certification(changes.innerCertificationType ?? certificationTypes.pckChain, chain),
  ]);
}
