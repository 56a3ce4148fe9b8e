import type { VerifiedQuote } from "../../src/core/tdx/contract.ts";

/**
 * Claims of a verified TDX quote as Trustee's verifier names them (deps/verifier/src/tdx/claims.rs, intel_dcap/claims.rs): hex of
 * the quote's own bytes, numbers little-endian. Only what the compiled policies read, and what identifies it; Trustee also
 * lists the event log.
 */
export function trusteeClaims(bytes: Uint8Array, verified: VerifiedQuote): Record<string, unknown> {
  const quote = Buffer.from(bytes);
  const hex = (start: number, end: number): string => quote.subarray(start, end).toString("hex");
  const { report, tcb, version } = verified;
  const { td15 } = report;
  const bit = (index: number): boolean => {
    const byte = Number.parseInt(report.tdAttributes.slice((index >> 3) * 2, (index >> 3) * 2 + 2), 16);
    return ((byte >> (index & 7)) & 1) === 1;
  };
  return {
    quote: {
      header: {
        version: hex(0, 2),
        att_key_type: hex(2, 4),
        tee_type: hex(4, 8),
        reserved: hex(8, 12),
        vendor_id: hex(12, 28),
        user_data: hex(28, 48),
      },
      body: {
        tcb_svn: Buffer.from(report.teeTcbSvn).toString("hex"),
        mr_seam: report.mrSeam,
        mrsigner_seam: report.mrSignerSeam,
        seam_attributes: report.seamAttributes,
        td_attributes: report.tdAttributes,
        xfam: report.xfam,
        mr_td: report.mrtd,
        mr_config_id: report.mrConfigId,
        mr_owner: report.mrOwner,
        mr_owner_config: report.mrOwnerConfig,
        rtmr_0: report.rtmr0,
        rtmr_1: report.rtmr1,
        rtmr_2: report.rtmr2,
        rtmr_3: report.rtmr3,
        report_data: Buffer.from(report.reportData).toString("hex"),
        ...(td15 === undefined
          ? {}
          : { tee_tcb_svn2: Buffer.from(td15.teeTcbSvn2).toString("hex"), mr_servicetd: td15.mrServiceTd }),
      },
      ...(version === 5 ? { type: hex(48, 50), size: hex(50, 54) } : {}),
    },
    td_attributes: {
      debug: bit(0),
      septve_disable: bit(28),
      protection_keys: bit(30),
      key_locker: bit(31),
      perfmon: bit(63),
    },
    tcb_status: tcb.status,
    tcb_date: wholeSeconds(tcb.date),
    tcb_eval_num: tcb.evaluation,
    // What is not valid any more does not verify here; Trustee would let it through, and say so with another number.
    collateral_expiration_status: "0",
    advisory_ids: [...tcb.advisories],
    platform_provider_id: verified.ppid,
    fmspc: verified.fmspc,
    earliest_expiration_date: wholeSeconds(verified.expires),
  };
}

const wholeSeconds = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;
