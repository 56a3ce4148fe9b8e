import { Failure } from "../../core/failure.ts";
import { parseStrictJson } from "../../core/json/strict-json.ts";
import { sendRequest } from "../web/request.ts";

/** Google's metadata server, as every machine of Compute Engine has it (cloud.google.com, "About VM metadata"). */
export const metadataAddress = "http://169.254.169.254";

const flavor = "Metadata-Flavor";

function unreadable(why: string): Failure {
  return new Failure({
    code: "METADATA_UNREADABLE",
    kind: "unavailable",
    message: `The machine's metadata can't be read: ${why}.`,
    remedy: "This works on a machine of Compute Engine alone; elsewhere give the settings as options.",
  });
}

/**
 * The custom attributes of this machine. They are the host's word, and nothing secret. Throws METADATA_UNREADABLE
 * (unavailable) for anything but a JSON object from a server that says to be Google's.
 */
export async function readAttributes(
  options: { readonly address?: string; readonly signal?: AbortSignal } = {},
): Promise<unknown> {
  const { address = metadataAddress, signal } = options;
  const answer = await sendRequest({
    method: "GET",
    url: `${address}/computeMetadata/v1/instance/attributes/?recursive=true`,
    headers: { [flavor]: "Google" },
    maxBytes: 1024 * 1024,
    timeoutMilliseconds: 5000,
    retries: 4,
    signal,
  });
  if (answer.kind === "failed") throw unreadable(answer.detail);
  if (answer.status !== 200) throw unreadable(`the answer was ${answer.status}`);
  // Anything else that answers at this address knows nothing of the header.
  if (answer.headers.get(flavor) !== "Google") throw unreadable("the answer is not from Google's server");
  const parsed = parseStrictJson(answer.body);
  if (!parsed.ok) throw unreadable("the answer is no JSON");
  return parsed.value;
}
