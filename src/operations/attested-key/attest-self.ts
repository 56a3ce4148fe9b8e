import { randomBytes, timingSafeEqual } from "node:crypto";
import { Failure } from "../../core/failure.ts";
import type { Collateral, QuoteFault, TdxEvidence, VerifiedQuote } from "../../core/tdx/contract.ts";
import { replayAgainst } from "../../core/tdx/event-log.ts";
import { unconditionalFaults } from "../../core/tdx/td-policy.ts";
import { verifyQuote } from "../../core/tdx/verify-quote.ts";
import { isZeroHex } from "../../core/zero-hex.ts";
import type { AttestedSigner } from "./attested-signer.ts";

export interface SelfAttestation {
  readonly evidence: TdxEvidence;
  readonly collateral: Collateral;
  /** What Intel's rules prove of this trust domain now. */
  readonly quote: VerifiedQuote;
}

/**
 * Asks this machine for a quote over fresh random data, and verifies it as anybody else would: it is a trust domain that Intel
 * vouches for and has not revoked, nothing was measured after boot, and its event log tells how it booted. Throws
 * ATTESTED_NOT_ATTESTED (refused), and what attester and collateral throw.
 */
export async function attestSelf(
  { attester, collateral: source, trust, now }: Pick<AttestedSigner, "attester" | "collateral" | "trust" | "now">,
  signal?: AbortSignal,
): Promise<SelfAttestation> {
  const reportData = randomBytes(64);
  const evidence = await attester.attest(reportData, signal);
  const collateral = await source.collateralFor(evidence.quote, signal);
  const verdict = verifyQuote(evidence.quote, collateral, { at: now(), trust });
  if (!verdict.ok) throw notAttested("its quote does not verify by Intel's rules", verdict.faults);
  const { report } = verdict.quote;
  if (!timingSafeEqual(report.reportData, reportData)) throw notAttested("its quote is not over what was asked", []);
  if (!isZeroHex(report.rtmr3)) throw notAttested("something was measured into RTMR3 after boot", []);
  const forbidden = unconditionalFaults(verdict.quote);
  if (forbidden.length > 0) {
    throw notAttested("who runs this machine could look inside or change it, or Intel revoked its platform", forbidden);
  }
  const log = replayAgainst(evidence.eventLog, report);
  if (!log.ok) throw notAttested("its event log does not tell how it booted", log.faults);
  return { evidence, collateral, quote: verdict.quote };
}

function notAttested(why: string, faults: readonly QuoteFault[]): Failure {
  return new Failure({
    code: "ATTESTED_NOT_ATTESTED",
    kind: "refused",
    message: `This machine is not attested: ${why}.`,
    remedy: "Run the signer's image on a TDX machine, as its release has it; each line says what differs.",
    details: faults
      .slice(0, 20)
      .map(({ code, subject, expected, found }) => `${code} on ${subject}: expected ${expected}, found ${found}`),
  });
}
