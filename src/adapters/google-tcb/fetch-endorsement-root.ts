import { Failure } from "../../core/failure.ts";
import { sendRequest } from "../web/request.ts";
import { requireEndorsementAddress } from "./endorsement-address.ts";

/** Google's has some 1,500 bytes. */
const rootBytesMost = 16 * 1024;

export interface FetchEndorsementRootRequest {
  readonly url: string;
  readonly retries?: number;
  readonly signal?: AbortSignal;
}

/**
 * The bytes that are there in place of Google's root certificate; who reads them compares their digest with the pin. Throws
 * ENDORSEMENT_ROOT_UNAVAILABLE, ENDORSEMENT_URL_INVALID (usage), and the signal's reason.
 */
export async function fetchEndorsementRoot(request: FetchEndorsementRootRequest): Promise<Uint8Array> {
  const { retries = 2, signal } = request;
  const url = requireEndorsementAddress(request.url, "a root certificate");
  const answer = await sendRequest({
    method: "GET",
    url,
    headers: {},
    maxBytes: rootBytesMost,
    timeoutMilliseconds: 20_000,
    retries,
    signal,
  });
  if (answer.kind === "answer" && answer.status === 200) return answer.body;
  const why = answer.kind === "failed" ? answer.detail : `the server answered ${answer.status}`;
  throw new Failure({
    code: "ENDORSEMENT_ROOT_UNAVAILABLE",
    kind: "unavailable",
    message: `Google's root certificate can't be fetched: ${why}.`,
    remedy: `Try again, or fetch ${url} by other means and give it with --root: its digest is compared with the pinned one.`,
  });
}
