import { Failure } from "../../core/failure.ts";
import { sendRequest } from "../web/request.ts";

/** Google's metadata server, as every machine of Compute Engine has it (cloud.google.com, "About VM metadata"). */
export const metadataAddress = "http://169.254.169.254";

export interface MetadataOptions {
  /** The server; Google's unless given. */
  readonly address?: string;
  readonly signal?: AbortSignal;
}

const flavor = "Metadata-Flavor";

export function metadataUnreadable(why: string): Failure {
  return new Failure({
    code: "METADATA_UNREADABLE",
    kind: "unavailable",
    message: `The machine's metadata can't be read: ${why}.`,
    remedy: "This works on a machine of Compute Engine alone; elsewhere give the settings as options.",
  });
}

/**
 * One value below /computeMetadata/v1/. Throws METADATA_UNREADABLE (unavailable) for any answer but one of a server that says to be
 * Google's; no message quotes it.
 */
export async function askMetadata(
  path: string,
  maxBytes: number,
  { address = metadataAddress, signal }: MetadataOptions,
): Promise<Uint8Array> {
  const answer = await sendRequest({
    method: "GET",
    url: `${address}/computeMetadata/v1/${path}`,
    headers: { [flavor]: "Google" },
    maxBytes,
    timeoutMilliseconds: 5000,
    retries: 4,
    signal,
  });
  if (answer.kind === "failed") throw metadataUnreadable(answer.detail);
  if (answer.status !== 200) throw metadataUnreadable(`the answer was ${answer.status}`);
  // Anything else that answers at this address knows nothing of the header.
  if (answer.headers.get(flavor) !== "Google") throw metadataUnreadable("the answer is not from Google's server");
  return answer.body;
}
