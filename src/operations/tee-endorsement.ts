import { endorsementBucket, fetchEndorsement, requireMrtd } from "../adapters/google-tcb/fetch-endorsement.ts";
import { fetchEndorsementRoot } from "../adapters/google-tcb/fetch-endorsement-root.ts";
import { Failure } from "../core/failure.ts";
import { googleRootSha256, googleRootUrl } from "../core/tdx/google-root.ts";
import { judgeMrtd, verifyLaunchEndorsement } from "../core/tdx/launch-endorsement.ts";
import type { EndorsedMeasurement, LaunchEndorsement } from "../core/tdx/launch-endorsement.ts";
import type { EndorsementFault } from "../core/tdx/launch-endorsement-fault.ts";
import { parseQuote } from "../core/tdx/quote.ts";

export interface TeeEndorsementRequest {
  readonly subject: { readonly mrtd: string } | { readonly quote: Uint8Array };
  /** Google's root certificate, PEM or DER. Left out: it is fetched. From wherever it is, its digest has to be the pinned one. */
  readonly root?: Uint8Array;
  /** Where it is fetched; Google's own address unless given. */
  readonly rootUrl?: string;
  /** SHA-256 of another root's DER, in place of the pinned one: 64 hex digits. */
  readonly rootSha256?: string;
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
 * Throws QUOTE_INVALID, MRTD_INVALID, ROOT_DIGEST_INVALID (usage), and what the adapter throws.
 */
export async function teeEndorsement(
  request: TeeEndorsementRequest,
): Promise<{ readonly mrtd: string; readonly verdict: TeeEndorsementVerdict }> {
  const { subject, at, bucket = endorsementBucket, rootUrl = googleRootUrl, rootSha256 = googleRootSha256 } = request;
  requireDigest(rootSha256);
  const signal = request.signal === undefined ? {} : { signal: request.signal };
  const mrtd = "mrtd" in subject ? subject.mrtd : mrtdOf(subject.quote);
  requireMrtd(mrtd);
  const bytes = request.endorsement ?? (await fetchEndorsement({ mrtd, bucket, ...signal }));
  const root = request.root ?? (await fetchEndorsementRoot({ url: rootUrl, ...signal }));
  const verdict = verifyLaunchEndorsement(bytes, { root, rootSha256, at });
  if (!verdict.ok) return { mrtd, verdict };
  const judged = judgeMrtd(verdict.endorsement, mrtd);
  return { mrtd, verdict: judged.ok ? { ...judged, endorsement: verdict.endorsement } : judged };
}

function requireDigest(hex: string): void {
  if (/^[0-9a-f]{64}$/.test(hex)) return;
  throw new Failure({
    code: "ROOT_DIGEST_INVALID",
    kind: "usage",
    message: `${JSON.stringify(hex.slice(0, 100))} is no SHA-256.`,
    remedy:
      "Give the 64 hex digits, in lower case, of the root certificate's DER: openssl x509 -outform DER | sha256sum.",
  });
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
