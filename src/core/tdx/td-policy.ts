import { isZeroHex } from "../zero-hex.ts";
import type { TdReport, VerifiedQuote } from "./contract.ts";
import { fault, unlessFaulty } from "./fault.ts";
import type { Judged, QuoteFaultCode, TdxFault } from "./fault.ts";

/** What is asked of a quote that holds; the fields are those of `tee` in the trust policy. Nothing widens by being left out. */
export interface TdPolicy {
  /** TCB statuses that are good enough. Revoked never is. */
  readonly statuses: readonly string[];
  /** Advisories that may apply to the platform, `INTEL-SA-00000`. */
  readonly advisoriesAllowed: readonly string[];
  /** The least tcbEvaluationDataNumber of TCB info and QE identity: older statements are not taken any more. */
  readonly minEvaluation: number;
  /** PPIDs of the platforms that may attest, 32 hex digits. Without any, a quote says nothing about whose machine it was. */
  readonly platforms: readonly string[];
}

export interface AcceptedTd {
  /** `unbound`: a key taken out of any one machine of Intel's forges such a quote (TEE.fail, WireTap, Battering RAM). */
  readonly platform: "bound" | "unbound";
}

/** Bits of TDATTRIBUTES (Intel TDX Module ABI, section on ATTRIBUTES; Linux arch/x86/include/asm/shared/tdx.h). */
const tdAttributeBits = {
  debug: 0,
  septVeDisable: 28,
  migratable: 29,
  protectionKeys: 30,
  keyLocker: 31,
  performanceMonitoring: 63,
} as const;

const refusedBits: readonly (readonly [bit: number, code: QuoteFaultCode, name: string])[] = [
  [tdAttributeBits.debug, "TD_DEBUG", "DEBUG"],
  [tdAttributeBits.migratable, "TD_MIGRATABLE", "MIGRATABLE"],
  [tdAttributeBits.protectionKeys, "TD_PROTECTION_KEYS", "PKS"],
  [tdAttributeBits.keyLocker, "TD_KEY_LOCKER", "KL"],
  [tdAttributeBits.performanceMonitoring, "TD_PERFORMANCE_MONITORING", "PERFMON"],
];
const named = new Set<number>(Object.values(tdAttributeBits));

/** XFAM bits that are always set (x87, SSE), and all that a TDX module of 1.0 or 1.5 can set (Intel TDX Module ABI, XFAM). */
const xfamAlways = 0x3n;
const xfamKnown = 0x6_dbe7n;

/** Eight bytes of a report as a number: the first byte is the lowest. */
function bits(hex: string): bigint {
  return Buffer.from(hex, "hex").readBigUInt64LE();
}

/** Everything that a policy and this project's own rules don't accept of a quote that was verified. */
export function acceptTd(quote: VerifiedQuote, policy: TdPolicy): Judged<AcceptedTd> {
  const bound = policy.platforms.length > 0;
  const faults = [
    ...revokedFaults(quote),
    ...statusFaults(quote, policy),
    ...platformFaults(quote, policy),
    ...reportFaults(quote.report),
  ];
  return unlessFaulty(faults, () => ({ platform: bound ? "bound" : "unbound" }));
}

/** What is refused of a quote that holds, whatever a policy says: a TCB that Intel revoked, and what `reportFaults` tells. */
export function unconditionalFaults(quote: VerifiedQuote): TdxFault[] {
  return [...revokedFaults(quote), ...reportFaults(quote.report)];
}

function revokedFaults({ tcb }: VerifiedQuote): TdxFault[] {
  return tcb.status === "Revoked" ? [fault("TCB_REVOKED", "TCB status", "a TCB that is not revoked", "Revoked")] : [];
}

function statusFaults({ tcb }: VerifiedQuote, policy: TdPolicy): TdxFault[] {
  const faults: TdxFault[] = [];
  if (tcb.status !== "Revoked" && !policy.statuses.includes(tcb.status))
    faults.push(fault("TCB_STATUS_NOT_ALLOWED", "TCB status", policy.statuses.join(" or ") || "none", tcb.status));
  const advisories = tcb.advisories.filter((id) => !policy.advisoriesAllowed.includes(id));
  if (advisories.length > 0)
    faults.push(
      fault(
        "TCB_ADVISORY_NOT_ALLOWED",
        "security advisories",
        policy.advisoriesAllowed.join(", ") || "none",
        advisories.join(", "),
      ),
    );
  if (!(tcb.evaluation >= policy.minEvaluation))
    faults.push(
      fault("TCB_EVALUATION_TOO_OLD", "collateral", `evaluation ${policy.minEvaluation} or newer`, `${tcb.evaluation}`),
    );
  return faults;
}

function platformFaults({ ppid }: VerifiedQuote, { platforms }: TdPolicy): TdxFault[] {
  if (platforms.length === 0 || platforms.includes(ppid)) return [];
  return [fault("TD_PLATFORM_NOT_ALLOWED", "platform", `a PPID of the ${platforms.length} listed`, ppid)];
}

/** What is refused of TDATTRIBUTES (8 bytes in hex, the lowest first): all bits but SEPT_VE_DISABLE, which has to be set. */
export function attributeFaults(tdAttributes: string): TdxFault[] {
  const subject = "trust domain";
  const attributes = bits(tdAttributes);
  const isSet = (bit: number): boolean => ((attributes >> BigInt(bit)) & 1n) === 1n;
  const faults = refusedBits
    .filter(([bit]) => isSet(bit))
    .map(([bit, code, name]) => fault(code, subject, `TDATTRIBUTES without ${name} (bit ${bit})`, tdAttributes));
  if (!isSet(tdAttributeBits.septVeDisable))
    faults.push(fault("TD_SEPT_VE_NOT_DISABLED", subject, "TDATTRIBUTES with SEPT_VE_DISABLE (bit 28)", tdAttributes));
  const unknown = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => isSet(bit) && !named.has(bit));
  if (unknown.length > 0)
    faults.push(fault("TD_RESERVED_ATTRIBUTE", subject, "no other bit of TDATTRIBUTES", `bit ${unknown.join(", ")}`));
  return faults;
}

/**
 * What is refused of a trust domain whatever a policy says: who runs it could look inside, move it, or have configured it in ways
 * that no measurement shows.
 */
export function reportFaults(report: TdReport): TdxFault[] {
  const subject = "trust domain";
  const faults = attributeFaults(report.tdAttributes);
  const xfam = bits(report.xfam);
  if ((xfam & xfamAlways) !== xfamAlways || (xfam & ~xfamKnown) !== 0n)
    faults.push(fault("TD_XFAM", subject, "bits 0 and 1 of XFAM set, and none that is not known", report.xfam));
  if (!isZeroHex(report.mrSignerSeam))
    faults.push(fault("TD_MODULE_SIGNER", "TDX module", "MRSIGNERSEAM of zeros: Intel's", report.mrSignerSeam));
  if (report.td15 !== undefined && !isZeroHex(report.td15.mrServiceTd))
    faults.push(fault("TD_SERVICE_TD", subject, "MRSERVICETD of zeros: no service TD", report.td15.mrServiceTd));
  if (!isZeroHex(report.mrConfigId))
    faults.push(fault("TD_CONFIG_ID", subject, "MRCONFIGID of zeros", report.mrConfigId));
  if (!isZeroHex(report.mrOwner) || !isZeroHex(report.mrOwnerConfig))
    faults.push(fault("TD_OWNER", subject, "MROWNER and MROWNERCONFIG of zeros", "an owner"));
  return faults;
}
