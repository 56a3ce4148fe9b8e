import { Failure } from "../../core/failure.ts";
import { endorsementBytesMost } from "../../core/tdx/launch-endorsement.ts";
import { sendRequest } from "../web/request.ts";
import { requireEndorsementAddress } from "./endorsement-address.ts";

/** Google's public bucket (google/gce-tcb-verifier, verify.GCETcbURL). */
export const endorsementBucket = "https://storage.googleapis.com/gce_tcb_integrity";

export interface FetchEndorsementRequest {
  /** 96 hex digits. */
  readonly mrtd: string;
  readonly bucket: string;
  readonly retries?: number;
  readonly signal?: AbortSignal;
}

/**
 * The endorsement of the firmware that gives this MRTD, as Google's bucket has it; nothing of it is believed. Throws
 * ENDORSEMENT_ABSENT (refused: Google vouches for no such firmware), ENDORSEMENT_UNAVAILABLE, ENDORSEMENT_URL_INVALID,
 * MRTD_INVALID (usage), and the signal's reason.
 */
export async function fetchEndorsement(request: FetchEndorsementRequest): Promise<Uint8Array> {
  const { mrtd, retries = 2, signal } = request;
  requireMrtd(mrtd);
  const answer = await sendRequest({
    method: "GET",
    url: `${requireEndorsementAddress(request.bucket, "a bucket")}/ovmf_x64_csm/tdx/${mrtd}.binarypb`,
    headers: {},
    maxBytes: endorsementBytesMost,
    timeoutMilliseconds: 20_000,
    retries,
    signal,
  });
  if (answer.kind === "failed") throw unavailable(answer.detail);
  if (answer.status === 200) return answer.body;
  if (answer.status !== 404) throw unavailable(`the bucket answered ${answer.status}`);
  throw new Failure({
    code: "ENDORSEMENT_ABSENT",
    kind: "refused",
    message: `Google endorses no firmware with MRTD ${mrtd}.`,
    remedy: "Do not trust this machine's firmware; find out where it runs.",
  });
}

/** Throws MRTD_INVALID (usage). */
export function requireMrtd(mrtd: string): void {
  if (/^[0-9a-f]{96}$/.test(mrtd)) return;
  throw new Failure({
    code: "MRTD_INVALID",
    kind: "usage",
    message: `${JSON.stringify(mrtd.slice(0, 100))} is no MRTD.`,
    remedy: "Give the 96 hex digits, in lower case, that a quote has.",
  });
}

function unavailable(why: string): Failure {
  return new Failure({
    code: "ENDORSEMENT_UNAVAILABLE",
    kind: "unavailable",
    message: `The firmware's endorsement can't be fetched: ${why}.`,
    remedy: "Try again, or fetch it by other means and give it as a file.",
  });
}
