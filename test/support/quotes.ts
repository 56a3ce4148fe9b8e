import type { Collateral, QuoteVerdict, TdMeasurements, TdReport } from "../../src/core/tdx/contract.ts";
import type { Judged } from "../../src/core/tdx/fault.ts";
import { verifyQuote } from "../../src/core/tdx/verify-quote.ts";
import { writeCollateral } from "../../lab/tdx/collateral-writer.ts";
import type { CollateralChanges, CollateralWindow } from "../../lab/tdx/collateral-writer.ts";
import { createTdxPki, newTdxKeys } from "../../lab/tdx/pki.ts";
import type { PkiOptions, TdxPki } from "../../lab/tdx/pki.ts";
import { labTdReport } from "../../lab/tdx/platform.ts";
import { writeQuote } from "../../lab/tdx/quote-writer.ts";
import type { QuoteChanges } from "../../lab/tdx/quote-writer.ts";

/** Codes of a verdict's faults, in order; none where the quote was verified. */
export function codesOfVerdict(verdict: QuoteVerdict): readonly string[] {
  return verdict.ok ? [] : verdict.faults.map(({ code }) => code);
}

/** As `codesOfVerdict`, of one part of a verification. */
export function codesOfJudged(part: Judged<unknown>): readonly string[] {
  return part.ok ? [] : part.faults.map(({ code }) => code);
}

const day = 24 * 3600 * 1000;
/** When quotes of these tests are verified; collateral is from nine days before. */
export const verifiedAt = new Date("2026-11-10T12:00:00Z");
export const issuedAt = new Date("2026-11-01T12:00:00Z");
export const nextUpdate = new Date(issuedAt.getTime() + 30 * day);
const pkiSince = new Date("2026-10-01T00:00:00Z");

export const measurements: TdMeasurements = {
  mrtd: "a0".repeat(48),
  rtmr0: "b0".repeat(48),
  rtmr1: "b1".repeat(48),
  rtmr2: "b2".repeat(48),
  rtmr3: "00".repeat(48),
};

const keys = newTdxKeys();
/** The same keys in every PKI that a test makes: only what it changes is different. */
export function pkiWith(options: Omit<PkiOptions, "now"> & { readonly now?: Date } = {}): TdxPki {
  return createTdxPki({ now: pkiSince, keys, ...options });
}

export const labPki: TdxPki = pkiWith();

export interface QuoteCase {
  readonly pki?: TdxPki;
  readonly td?: "1.0" | "1.5";
  readonly report?: Partial<TdReport>;
  readonly quote?: QuoteChanges;
  readonly collateral?: CollateralChanges;
  readonly window?: Partial<CollateralWindow>;
  /** Instead of what is written: parts of collateral, a quote's bytes. */
  readonly parts?: Partial<Collateral>;
  readonly bytes?: (quote: Buffer) => Uint8Array;
  readonly at?: Date;
}

/** A report, with the field of TD 1.5 that a change brings. */
export function reportOf({ td, report }: QuoteCase = {}): TdReport {
  return { ...labTdReport(measurements, new Uint8Array(64).fill(7), td), ...report };
}

export function quoteOf(one: QuoteCase = {}): Buffer {
  return writeQuote(one.pki ?? labPki, reportOf(one), one.quote);
}

export function collateralOf({ pki = labPki, window, collateral, parts }: QuoteCase = {}): Collateral {
  return { ...writeCollateral(pki, { issued: issuedAt, nextUpdate, ...window }, collateral), ...parts };
}

/** Verifies one case under the lab's root. */
export function verifyCase(one: QuoteCase = {}): QuoteVerdict {
  const quote = quoteOf(one);
  const options = { at: one.at ?? verifiedAt, trust: labPki.trust };
  return verifyQuote(one.bytes?.(quote) ?? quote, collateralOf(one), options);
}

export function codesOfCase(one: QuoteCase): readonly string[] {
  return codesOfVerdict(verifyCase(one));
}
