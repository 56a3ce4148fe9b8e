import { Failure } from "../../src/core/failure.ts";
import type {
  CollateralSource,
  QuoteTrust,
  ReplayedLog,
  VerifiedQuote,
  VerifyQuote,
} from "../../src/core/tdx/contract.ts";

/**
 * What the lab's key broker verifies evidence with. This is the one place where it is plugged in: whoever starts the broker gives
 * `verifyQuote` (src/core/tdx/verify-quote.ts), the lab's root and collateral, and the replay of src/core/tdx/event-log.ts.
 */
export interface KbsVerification {
  readonly verifyQuote: VerifyQuote;
  readonly trust: QuoteTrust;
  readonly collateral: CollateralSource;
  /** What an event log extended; undefined when it can't be read. */
  readonly replay: (eventLog: Uint8Array) => ReplayedLog | undefined;
}

export interface ReceivedEvidence {
  readonly quote: Uint8Array;
  readonly eventLog: Uint8Array | undefined;
  readonly reportData: Uint8Array;
}

export type Appraised =
  | { readonly ok: true; readonly quote: VerifiedQuote }
  /** For the broker's own log: Trustee tells its client nothing of it. */
  | { readonly ok: false; readonly reason: string };

/** As Trustee's verifier: signature and TCB, then report data, then the event log against all four registers. */
export async function verifyEvidence(
  evidence: ReceivedEvidence,
  verification: KbsVerification,
  at: Date,
): Promise<Appraised> {
  const { verifyQuote, trust, collateral, replay } = verification;
  const { quote, eventLog, reportData } = evidence;
  const found = await collateral.collateralFor(quote).catch((error: unknown) => {
    if (error instanceof Failure) return error;
    throw error;
  });
  if (found instanceof Failure) return refused(found.code);
  const verdict = verifyQuote(quote, found, { at, trust });
  if (!verdict.ok) return refused(verdict.faults.map(({ code }) => code).join(", "));
  const { report } = verdict.quote;
  if (!Buffer.from(report.reportData).equals(reportData))
    return refused("REPORT_DATA is different from that in TDX Quote");
  if (eventLog !== undefined) {
    const registers = replay(eventLog)?.registers;
    if (registers === undefined) return refused("the event log can't be read");
    for (const name of ["rtmr0", "rtmr1", "rtmr2", "rtmr3"] as const) {
      if (registers[name] !== report[name]) return refused(`the event log does not replay to ${name}`);
    }
  }
  return { ok: true, quote: verdict.quote };
}

const refused = (reason: string): Appraised => ({ ok: false, reason });
