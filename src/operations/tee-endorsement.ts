import { endorsementBucket, fetchEndorsement, requireMrtd } from "../adapters/google-tcb/fetch-endorsement.ts";
import { Failure } from "../core/failure.ts";
import { judgeMrtd, verifyLaunchEndorsement } from "../core/tdx/launch-endorsement.ts";
import type { EndorsedMeasurement, LaunchEndorsement } from "../core/tdx/launch-endorsement.ts";
import type { EndorsementFault } from "../core/tdx/launch-endorsement-fault.ts";
import { parseQuote } from "../core/tdx/quote.ts";

export interface TeeEndorsementRequest {
  readonly subject: { readonly mrtd: string } | { readonly quote: Uint8Array };
  /** Google's root certificate, PEM or DER: who calls has it from somewhere that it trusts. */
  readonly root: Uint8Array;
  /** Left out: the bucket is asked. */
  readonly endorsement?: Uint8Array;
  /** Google's own unless given. */
  readonly bucket?: string;
  readonly at: Date;
  readonly signal?: AbortSignal;
}

export type TeeEndorsementVerdict =
  | { readonly ok: true; readonly endorsement: LaunchEndorsement; readonly machines: readonly EndorsedMeasurement[] }
  | { readonly ok: false; readonly faults: readonly [EndorsementFault, ...EndorsementFault[]] };

/**
 * Whether Google vouches for the firmware of a machine. A quote is only read for its MRTD here: verifying it is another question.
 * Throws QUOTE_INVALID, MRTD_INVALID (usage), and what the bucket's adapter throws.
 */
export async function teeEndorsement(
  request: TeeEndorsementRequest,
): Promise<{ readonly mrtd: string; readonly verdict: TeeEndorsementVerdict }> {
  const { subject, root, at, bucket = endorsementBucket, signal } = request;
  const mrtd = "mrtd" in subject ? subject.mrtd : mrtdOf(subject.quote);
  requireMrtd(mrtd);
  const fetched = { mrtd, bucket, ...(signal === undefined ? {} : { signal }) };
  const bytes = request.endorsement ?? (await fetchEndorsement(fetched));
  const verdict = verifyLaunchEndorsement(bytes, { root, at });
  if (!verdict.ok) return { mrtd, verdict };
  const judged = judgeMrtd(verdict.endorsement, mrtd);
  return { mrtd, verdict: judged.ok ? { ...judged, endorsement: verdict.endorsement } : judged };
}

function mrtdOf(bytes: Uint8Array): string {
  const quote = parseQuote(bytes);
  if (quote.ok) return quote.value.report.mrtd;
  throw new Failure({
    code: "QUOTE_INVALID",
    kind: "usage",
    message: "The file holds no TDX quote.",
    remedy: "Give the bytes that configfs-tsm wrote to outblob, whole.",
    details: quote.faults.map(({ code, expected, found }) => `${code}: expected ${expected}, found ${found}`),
  });
}
