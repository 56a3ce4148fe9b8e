import type { QuoteFault } from "./contract.ts";

/**
 * Every reason why a quote is refused, in the order in which Intel's library looks (QuoteVerifier.cpp and its checks); what each
 * says and what to do is in fault-meanings.ts. Faults are about bytes that anybody may have written: they are values, never thrown.
 */
export const quoteFaultCodes = [
  // the quote's bytes (Intel TDX DCAP Quoting Library API, appendix A)
  "QUOTE_TOO_LARGE",
  "QUOTE_TRUNCATED",
  "QUOTE_VERSION",
  "QUOTE_NOT_TDX",
  "QUOTE_KEY_TYPE",
  "QUOTE_VENDOR",
  "QUOTE_BODY_TYPE",
  "QUOTE_BODY_SIZE",
  "QUOTE_LENGTHS",
  "QUOTE_CERTIFICATION_TYPE",
  // certificates, of the quote and of who signed collateral: the subject says whose
  "CERTIFICATE_CHAIN_FORM",
  "CERTIFICATE_CHAIN_LENGTH",
  "CERTIFICATE_INVALID",
  "CERTIFICATE_ROOT",
  "CERTIFICATE_NAME",
  "CERTIFICATE_ISSUER",
  "CERTIFICATE_SIGNATURE",
  "CERTIFICATE_USAGE",
  "CERTIFICATE_NOT_YET",
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_REVOKED",
  "CERTIFICATE_PLATFORM_DATA",
  // revocation lists
  "COLLATERAL_TOO_LARGE",
  "COLLATERAL_CRL_INVALID",
  "COLLATERAL_CRL_ISSUER",
  "COLLATERAL_CRL_SIGNATURE",
  "COLLATERAL_CRL_NOT_YET",
  "COLLATERAL_CRL_EXPIRED",
  // TCB info and QE identity
  "COLLATERAL_SIGNATURE",
  "COLLATERAL_INVALID",
  "COLLATERAL_KIND",
  "COLLATERAL_VERSION",
  "COLLATERAL_NOT_YET",
  "COLLATERAL_EXPIRED",
  "COLLATERAL_OTHER_PLATFORM",
  "COLLATERAL_OTHER_PCE",
  // the TDX module
  "TCB_MODULE_UNKNOWN",
  "TCB_MODULE_SIGNER",
  "TCB_MODULE_ATTRIBUTES",
  // the quoting enclave, and what it and the attestation key signed
  "QUOTE_QE_SIGNATURE",
  "QUOTE_KEY_NOT_BOUND",
  "QUOTE_QE_MISCSELECT",
  "QUOTE_QE_ATTRIBUTES",
  "QUOTE_QE_SIGNER",
  "QUOTE_QE_PRODUCT",
  "QUOTE_KEY_INVALID",
  "QUOTE_SIGNATURE",
  // levels
  "TCB_QE_LEVEL_NONE",
  "TCB_LEVEL_NONE",
  "TCB_MODULE_LEVEL_NONE",
  // what a policy asks of a quote that holds
  "TCB_REVOKED",
  "TCB_STATUS_NOT_ALLOWED",
  "TCB_ADVISORY_NOT_ALLOWED",
  "TCB_EVALUATION_TOO_OLD",
  "TD_PLATFORM_NOT_ALLOWED",
  "TD_DEBUG",
  "TD_RESERVED_ATTRIBUTE",
  "TD_SEPT_VE_NOT_DISABLED",
  "TD_MIGRATABLE",
  "TD_PROTECTION_KEYS",
  "TD_KEY_LOCKER",
  "TD_PERFORMANCE_MONITORING",
  "TD_XFAM",
  "TD_MODULE_SIGNER",
  "TD_SERVICE_TD",
  "TD_CONFIG_ID",
  "TD_OWNER",
] as const;

export type QuoteFaultCode = (typeof quoteFaultCodes)[number];
export type TdxFault = QuoteFault<QuoteFaultCode>;
export type TdxFaults = readonly [TdxFault, ...TdxFault[]];

/** A part of a verification: what it proved, or every reason why not. */
export type Judged<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly faults: TdxFaults };

export function fault(code: QuoteFaultCode, subject: string, expected: string, found: string): TdxFault {
  return { code, subject, expected, found };
}

export function judged<T>(value: T): Judged<T> {
  return { ok: true, value };
}

export function faulty(...parameters: Parameters<typeof fault>): {
  readonly ok: false;
  readonly faults: readonly [TdxFault];
} {
  return { ok: false, faults: [fault(...parameters)] };
}

/** The faults of a part; none where it was proved. */
export function faultsOf(part: Judged<unknown>): readonly TdxFault[] {
  return part.ok ? [] : part.faults;
}

/** The value if there is no fault, else all of them. */
export function unlessFaulty<T>(faults: readonly TdxFault[], value: () => T): Judged<T> {
  const [first, ...rest] = faults;
  return first === undefined ? judged(value()) : { ok: false, faults: [first, ...rest] };
}
