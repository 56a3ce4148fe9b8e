import { Failure } from "../../src/core/failure.ts";
import type {
  Attester,
  Collateral,
  CollateralSource,
  QuoteTrust,
  TdMeasurements,
  TdReport,
} from "../../src/core/tdx/contract.ts";
import { chainShapes, readChain } from "../../src/core/tdx/certificate-chain.ts";
import { readPlatformData } from "../../src/core/tdx/pck-certificate.ts";
import { parseQuote } from "../../src/core/tdx/quote.ts";
import { writeCollateral } from "./collateral-writer.ts";
import type { CollateralChanges } from "./collateral-writer.ts";
import type { TdxPki } from "./pki.ts";
import { writeQuote } from "./quote-writer.ts";
import type { QuoteChanges } from "./quote-writer.ts";

export const reportDataSize = 64;
const day = 24 * 3600 * 1000;
/** Intel's collateral lives 30 days. */
const collateralDays = 30;

export interface SimulatedPlatformOptions {
  readonly pki: TdxPki;
  /** What the trust domain measured. The event log must replay to its RTMRs: who writes the log says so. */
  readonly measurements: TdMeasurements;
  readonly eventLog: Uint8Array;
  readonly now: () => Date;
  /** TD 1.5 (version 5) unless told otherwise. */
  readonly td?: "1.0" | "1.5";
  /** For what must be refused: other fields of the report, of the quote, of the collateral. */
  readonly report?: Partial<TdReport>;
  readonly quote?: QuoteChanges;
  readonly collateral?: CollateralChanges;
}

/** A TDX machine that runs nowhere, and the service that speaks for its maker: real quote bytes under the lab's root. */
export interface SimulatedPlatform extends Attester, CollateralSource {
  readonly trust: QuoteTrust;
  /** Its Provisioning ID, 32 hex digits: what a policy binds a signer to. */
  readonly ppid: string;
}

/** The report of a trust domain as GCP starts them: SEPT_VE_DISABLE and nothing else, no owner, no configuration. */
export function labTdReport(measurements: TdMeasurements, reportData: Uint8Array, td: "1.0" | "1.5" = "1.5"): TdReport {
  const zeros = (bytes: number): string => "0".repeat(bytes * 2);
  // Module version 3 with SVN 5; from 2 on the platform's.
  const teeTcbSvn = Uint8Array.from([5, 3, 2, ...Array.from({ length: 13 }, () => 0)]);
  return {
    ...measurements,
    teeTcbSvn,
    mrSeam: "5e".repeat(48),
    mrSignerSeam: zeros(48),
    seamAttributes: zeros(8),
    tdAttributes: "0000001000000000",
    xfam: "e700060000000000",
    mrConfigId: zeros(48),
    mrOwner: zeros(48),
    mrOwnerConfig: zeros(48),
    reportData,
    ...(td === "1.5" ? { td15: { teeTcbSvn2: teeTcbSvn, mrServiceTd: zeros(48) } } : {}),
  };
}

/** A simulated platform; nothing is started, so nothing has to be stopped. */
export function simulatePlatform(options: SimulatedPlatformOptions): SimulatedPlatform {
  const { pki, now } = options;
  let current: { readonly until: number; readonly collateral: Collateral } | undefined;
  return {
    trust: pki.trust,
    ppid: pki.platform.ppid,
    attest: promised((reportData, signal) => {
      signal?.throwIfAborted();
      if (reportData.length !== reportDataSize) throw wrongReportData(reportData.length);
      const report = { ...labTdReport(options.measurements, reportData, options.td), ...options.report };
      return { quote: writeQuote(pki, report, options.quote), eventLog: options.eventLog };
    }),
    collateralFor: promised((quote, signal) => {
      signal?.throwIfAborted();
      if (!isOfPlatform(quote, pki)) throw otherPlatform();
      const at = now().getTime();
      if (current === undefined || at >= current.until) {
        const window = { issued: new Date(at), nextUpdate: new Date(at + collateralDays * day) };
        current = { until: at + day, collateral: writeCollateral(pki, window, options.collateral) };
      }
      return current.collateral;
    }),
  };
}

/** What is done at once, as something that may take its time: a throw is a rejection. */
function promised<T>(
  make: (bytes: Uint8Array, signal?: AbortSignal) => T,
): (bytes: Uint8Array, signal?: AbortSignal) => Promise<T> {
  return (bytes, signal) =>
    new Promise((resolve) => {
      resolve(make(bytes, signal));
    });
}

function isOfPlatform(bytes: Uint8Array, pki: TdxPki): boolean {
  const quote = parseQuote(bytes);
  const chain = quote.ok ? readChain(quote.value.certificates, chainShapes.pck, "quote", pki.trust) : undefined;
  if (chain?.ok !== true) return false;
  const platform = readPlatformData(chain.value.leaf, "quote");
  return platform.ok && platform.value.fmspc === pki.platform.fmspc;
}

function wrongReportData(length: number): Failure {
  return new Failure({
    code: "TSM_REPORT_DATA_SIZE",
    kind: "usage",
    message: `A quote is made over ${reportDataSize} bytes of report data, not ${length}.`,
    remedy: "Hash what is to be bound with SHA-512.",
  });
}

function otherPlatform(): Failure {
  return new Failure({
    code: "PCS_PLATFORM_UNKNOWN",
    kind: "refused",
    message: "The lab has collateral for its own simulated platform only, and the quote is not by it.",
    remedy: "Ask the lab for a quote, or Intel's service for a real platform's collateral.",
  });
}
