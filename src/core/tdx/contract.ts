/**
 * The shapes that the parts of TDX share: who parses and verifies quotes, who makes them (a real guest, the lab's simulated
 * platform), who fetches collateral, and who asks what was proved. Bytes are as Intel lays them out (facts and sources in
 * docs/attestation.md); hex is lower case.
 */

/** What TDX measured of a trust domain: 48 bytes each, as 96 hex digits. */
export interface TdMeasurements {
  readonly mrtd: string;
  readonly rtmr0: string;
  readonly rtmr1: string;
  readonly rtmr2: string;
  readonly rtmr3: string;
}

/** The body of a quote: TDREPORT fields (Intel TDX DCAP Quoting Library API, A.3.2 and A.3.3). */
export interface TdReport extends TdMeasurements {
  /** 16 bytes: SVNs of the TDX module (0, 1) and of the platform's TDX components (from 2). */
  readonly teeTcbSvn: Uint8Array;
  readonly mrSeam: string;
  readonly mrSignerSeam: string;
  /** 8 bytes, as 16 hex digits in the order of the quote. */
  readonly seamAttributes: string;
  /** 8 bytes, as 16 hex digits in the order of the quote: bit 0 (DEBUG) is the first byte's lowest. */
  readonly tdAttributes: string;
  readonly xfam: string;
  readonly mrConfigId: string;
  readonly mrOwner: string;
  readonly mrOwnerConfig: string;
  /** 64 bytes that the attester chose. */
  readonly reportData: Uint8Array;
  /** Only TD 1.5 (body type 3). */
  readonly td15?: { readonly teeTcbSvn2: Uint8Array; readonly mrServiceTd: string };
}

/**
 * Intel's statements about a platform, as the PCS gave them: bytes, since their signatures are over bytes. Names as in
 * Intel's and `dcap-qvl`'s collateral files.
 */
export interface Collateral {
  /** DER of Intel's root CA revocation list. */
  readonly rootCaCrl: Uint8Array;
  /** DER of the PCK CA's revocation list, and the PEM chain of who signed it. */
  readonly pckCrl: Uint8Array;
  readonly pckCrlIssuerChain: string;
  /** The exact text of `tcbInfo` (inside the PCS's answer), its signature (64 bytes, r ‖ s), and the PEM chain of the signer. */
  readonly tcbInfo: string;
  readonly tcbInfoSignature: Uint8Array;
  readonly tcbInfoIssuerChain: string;
  /** The same for `enclaveIdentity` of the TD quoting enclave. */
  readonly qeIdentity: string;
  readonly qeIdentitySignature: Uint8Array;
  readonly qeIdentityIssuerChain: string;
}

/** Statuses that Intel gives to levels of a platform. */
export const platformStatuses = [
  "UpToDate",
  "SWHardeningNeeded",
  "ConfigurationNeeded",
  "ConfigurationAndSWHardeningNeeded",
  "OutOfDate",
  "OutOfDateConfigurationNeeded",
  "Revoked",
] as const;

export const tcbStatuses = [
  ...platformStatuses,
  // Not in Intel's files: what its library says when a TD has to be started again to use an updated platform.
  "TDRelaunchAdvised",
  "TDRelaunchAdvisedConfigurationNeeded",
] as const;
export type TcbStatus = (typeof tcbStatuses)[number];

/** Whom the chains must end at. Only lab/ and tests make one other than `intelTrust` (src/core/tdx/intel-root.ts). */
export interface QuoteTrust {
  /** SubjectPublicKeyInfo of the root, DER: compared byte by byte. */
  readonly rootSpki: Uint8Array;
}

/**
 * One reason why a quote is refused. Codes are `QUOTE_…`, `CERTIFICATE_…`, `COLLATERAL_…`, `TCB_…`, and for what a policy
 * asks `TD_…`: src/core/tdx/fault.ts lists them.
 */
export interface QuoteFault<Code extends string = string> {
  readonly code: Code;
  /** What it is about, for example `PCK certificate`, `TCB info`. */
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
}

/** What verification proved of a quote at one time. Whether that is good enough is a policy's question. */
export interface VerifiedQuote {
  readonly version: 4 | 5;
  readonly report: TdReport;
  /** The platform's Provisioning ID (16 bytes, as 32 hex digits), FMSPC (12) and PCE id (4), from the PCK certificate. */
  readonly ppid: string;
  readonly fmspc: string;
  readonly pceId: string;
  readonly tcb: {
    /** Converged from platform, TDX module, relaunch check and quoting enclave. */
    readonly status: TcbStatus;
    /** The matched level's date, and everything that Intel's advisories say applies. */
    readonly date: Date;
    readonly advisories: readonly string[];
    /** The smaller tcbEvaluationDataNumber of TCB info and QE identity. */
    readonly evaluation: number;
  };
  /** The earliest end of what certificates, lists and statements of this verification are valid for; the end belongs to it. */
  readonly expires: Date;
}

export type QuoteVerdict =
  | { readonly ok: true; readonly quote: VerifiedQuote }
  | { readonly ok: false; readonly faults: readonly [QuoteFault, ...QuoteFault[]] };

/**
 * `verifyQuote` (src/core/tdx/verify-quote.ts): by Intel's rules, against this collateral, as of `at`. Never throws for
 * anything in the bytes.
 */
export type VerifyQuote = (
  quote: Uint8Array,
  collateral: Collateral,
  options: { readonly at: Date; readonly trust: QuoteTrust },
) => QuoteVerdict;

/** What an attester gives for 64 bytes of report data. */
export interface TdxEvidence {
  readonly quote: Uint8Array;
  /** The CCEL event log (ACPI table's data, bytes as the guest has them). */
  readonly eventLog: Uint8Array;
}

/**
 * A trust domain that can be asked for quotes: the guest's configfs (src/adapters/tsm), or the lab's simulated platform.
 * Throws Failure (TSM_…) with what to do.
 */
export interface Attester {
  readonly attest: (reportData: Uint8Array, signal?: AbortSignal) => Promise<TdxEvidence>;
}

/** Where collateral comes from: Intel's PCS (src/adapters/intel-pcs), or the lab. `quote` names platform and CA. Throws Failure (PCS_…). */
export interface CollateralSource {
  readonly collateralFor: (quote: Uint8Array, signal?: AbortSignal) => Promise<Collateral>;
}

/** What replaying an event log gave (src/core/tdx/event-log.ts). Registers without events are 96 zeros. */
export interface ReplayedLog {
  readonly registers: Omit<TdMeasurements, "mrtd">;
  readonly events: readonly MeasuredEvent[];
}

export interface MeasuredEvent {
  /** 0 to 3: which RTMR it extended. */
  readonly register: 0 | 1 | 2 | 3;
  /** The TCG event type (TCG PC Client Platform Firmware Profile, section 10.4.1). */
  readonly type: number;
  /** The SHA-384 digest that was extended. */
  readonly digest: string;
  /** The event's data: unauthenticated unless the digest is known to be over it. */
  readonly data: Uint8Array;
}
