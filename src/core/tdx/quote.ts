import type { TdReport } from "./contract.ts";
import { faulty, judged } from "./fault.ts";
import type { Judged, QuoteFaultCode } from "./fault.ts";
import { readTdReport, tdReportSizes } from "./td-report.ts";

/** A quote taken apart; nothing of it is believed. Views into the quote's bytes. */
export interface ParsedQuote {
  readonly version: 4 | 5;
  readonly report: TdReport;
  /** What the attestation key signed: header and body. */
  readonly signed: Uint8Array;
  /** r ‖ s, 64 bytes. */
  readonly signature: Uint8Array;
  /** x ‖ y of a point on P-256, 64 bytes. */
  readonly attestationKey: Uint8Array;
  readonly qe: QuotingEnclave;
  /** The PEM chain of the PCK certificate, as it lies in the quote. */
  readonly certificates: Uint8Array;
  /** Bytes that the quote has, up to where it ends by its own lengths. */
  readonly length: number;
  /** How many bytes follow. Nobody signed them: they are tolerated (GCP fills to 8,000) and never read. */
  readonly trailing: number;
}

/** What the platform's certified key (PCK) signed: the quoting enclave's report (SGX REPORTBODY, 384 bytes). */
export interface QuotingEnclave {
  readonly report: Uint8Array;
  readonly signature: Uint8Array;
  readonly authenticationData: Uint8Array;
  readonly miscSelect: Uint8Array;
  readonly attributes: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly productId: number;
  readonly svn: number;
  readonly reportData: Uint8Array;
}

/** Intel's quoting enclaves: 939a7233-f79c-4ca9-940a-0db3957f0607. */
export const intelQeVendor = "939a7233f79c4ca9940a0db3957f0607";
export const tdxTeeType = 0x81;
/** ECDSA on P-256 with SHA-256: the only kind of attestation key that Intel's TD quoting enclave makes. */
export const ecdsaP256KeyType = 2;
/** Kinds of certification data: a PEM chain of the PCK, and the QE's report with such data inside. */
export const certificationTypes = { pckChain: 5, qeReport: 6 } as const;
/** Kinds of bodies that version 5 names. */
export const bodyTypes = { td10: 2, td15: 3 } as const;
const headerSize = 48;
/** Real quotes have some 5,000 bytes, filled up to 8,000. */
export const quoteBytesMost = 64 * 1024;

const qeReportSize = 384;

/** Unwinds the reading; caught in parseQuote, never seen by a caller. */
interface Stop {
  readonly code: QuoteFaultCode;
  readonly expected: string;
  readonly found: string;
}

type Take = (length: number, what: string) => Buffer;

/**
 * Takes a TDX quote apart: version 4 (TD 1.0) and 5 (TD 1.0 and 1.5), ECDSA with a PCK chain inside. The first fault ends it:
 * what follows would be read from a place that is not known. Never throws.
 */
export function parseQuote(bytes: Uint8Array): Judged<ParsedQuote> {
  if (bytes.length > quoteBytesMost)
    return faulty("QUOTE_TOO_LARGE", "quote", `at most ${quoteBytesMost} bytes`, `${bytes.length}`);
  const quote = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let stop: Stop | undefined;
  const fail = (code: QuoteFaultCode, expected: string, found: string): never => {
    stop = { code, expected, found };
    throw new RangeError(code);
  };
  const take: Take = (length, what) => {
    if (length > quote.length - at)
      fail("QUOTE_TRUNCATED", `${length} bytes for the ${what} at ${at}`, `${quote.length - at}`);
    at += length;
    return quote.subarray(at - length, at);
  };
  try {
    const version = readHeader(take(headerSize, "header"), fail);
    const body = take(version === 4 ? tdReportSizes.td10 : readBodySize(take(6, "body's type"), fail), "body");
    const signed = quote.subarray(0, at);
    const signatureSize = take(4, "signature's length").readUInt32LE();
    const rest = readSignature(take(signatureSize, "signature"), fail);
    return judged({
      version,
      report: readTdReport(body),
      signed,
      ...rest,
      length: at,
      trailing: quote.length - at,
    });
  } catch (error) {
    const seen: Stop | undefined = stop;
    if (seen === undefined) throw error;
    return faulty(seen.code, "quote", seen.expected, seen.found);
  }
}

type Fail = (code: QuoteFaultCode, expected: string, found: string) => never;

function readHeader(header: Buffer, fail: Fail): 4 | 5 {
  const version = header.readUInt16LE(0);
  if (version !== 4 && version !== 5) return fail("QUOTE_VERSION", "version 4 or 5 (TDX)", `version ${version}`);
  const teeType = header.readUInt32LE(4);
  if (teeType !== tdxTeeType)
    fail("QUOTE_NOT_TDX", "TEE type 0x81 (TDX)", teeType === 0 ? "0x0 (SGX)" : `0x${teeType.toString(16)}`);
  const keyType = header.readUInt16LE(2);
  if (keyType !== ecdsaP256KeyType) fail("QUOTE_KEY_TYPE", "2 (ECDSA on P-256)", `${keyType}`);
  const vendor = header.toString("hex", 12, 28);
  if (vendor !== intelQeVendor) fail("QUOTE_VENDOR", `${intelQeVendor} (Intel)`, vendor);
  return version;
}

function readBodySize(descriptor: Buffer, fail: Fail): number {
  const type = descriptor.readUInt16LE(0);
  const size = descriptor.readUInt32LE(2);
  if (type !== bodyTypes.td10 && type !== bodyTypes.td15)
    return fail("QUOTE_BODY_TYPE", "2 (TD 1.0) or 3 (TD 1.5)", `${type}`);
  const expected = type === bodyTypes.td10 ? tdReportSizes.td10 : tdReportSizes.td15;
  if (size !== expected) fail("QUOTE_BODY_SIZE", `${expected} bytes for a body of type ${type}`, `${size}`);
  return expected;
}

/** As `take`, within a part whose length is known: what does not fit there is not a quote that was cut. */
function within(part: Buffer, name: string, fail: Fail): { readonly take: Take; readonly end: () => void } {
  let at = 0;
  const take: Take = (length, what) => {
    if (length > part.length - at)
      fail("QUOTE_LENGTHS", `${length} bytes for the ${what} in the ${name}`, `${part.length - at}`);
    at += length;
    return part.subarray(at - length, at);
  };
  const end = (): void => {
    if (at !== part.length) fail("QUOTE_LENGTHS", `nothing after the end of the ${name}`, `${part.length - at} bytes`);
  };
  return { take, end };
}

function readSignature(
  part: Buffer,
  fail: Fail,
): Pick<ParsedQuote, "signature" | "attestationKey" | "qe" | "certificates"> {
  const outer = within(part, "signature", fail);
  const signature = outer.take(64, "signature's numbers");
  const attestationKey = outer.take(64, "attestation key");
  const data = readCertification(outer, certificationTypes.qeReport, "QE report", fail);

  const inner = within(data, "QE's certification data", fail);
  const report = inner.take(qeReportSize, "QE report");
  const qeSignature = inner.take(64, "QE report's signature");
  const authenticationData = inner.take(inner.take(2, "length").readUInt16LE(), "QE's authentication data");
  const certificates = readCertification(inner, certificationTypes.pckChain, "PCK certificate chain", fail);
  return {
    signature,
    attestationKey,
    certificates,
    qe: { ...readQeReport(report), signature: qeSignature, authenticationData },
  };
}

function readCertification(from: ReturnType<typeof within>, type: number, name: string, fail: Fail): Buffer {
  const found = from.take(2, "certification data's type").readUInt16LE();
  if (found !== type) fail("QUOTE_CERTIFICATION_TYPE", `${type} (${name})`, `${found}`);
  const data = from.take(from.take(4, "certification data's length").readUInt32LE(), name);
  from.end();
  return data;
}

/** Intel SGX Developer Reference, sgx_report_body_t. */
function readQeReport(report: Buffer): Omit<QuotingEnclave, "signature" | "authenticationData"> {
  return {
    report,
    miscSelect: report.subarray(16, 20),
    attributes: report.subarray(48, 64),
    mrSigner: report.subarray(128, 160),
    productId: report.readUInt16LE(256),
    svn: report.readUInt16LE(258),
    reportData: report.subarray(320, 384),
  };
}
