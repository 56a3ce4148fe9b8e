import type { Digest } from "../../core/oci/digest.ts";
import type { VerifiedQuote } from "../../core/tdx/contract.ts";

/** What a policy's `tee` would have to list for signatures of this machine: public, and the same in every quote until it changes. */
export interface MachineFacts {
  readonly mrtd: string;
  readonly rtmr0: string;
  readonly rtmr1: string;
  readonly rtmr2: string;
  readonly rtmr3: string;
  /** 32 hex digits, for `tee.platforms`. */
  readonly ppid: string;
  readonly fmspc: string;
  readonly tcbStatus: string;
  readonly advisories: readonly string[];
  readonly evaluation: number;
  /** Of the policy in the image; `tee.policyDigests` has it without `sha256:`. */
  readonly policy: Digest;
}

/** The facts of the machine that a quote was made on, and that verifies under this policy. */
export function machineFacts({ report, ppid, fmspc, tcb }: VerifiedQuote, policy: Digest): MachineFacts {
  const { mrtd, rtmr0, rtmr1, rtmr2, rtmr3 } = report;
  const { status: tcbStatus, advisories, evaluation } = tcb;
  return { mrtd, rtmr0, rtmr1, rtmr2, rtmr3, ppid, fmspc, tcbStatus, advisories, evaluation, policy };
}
