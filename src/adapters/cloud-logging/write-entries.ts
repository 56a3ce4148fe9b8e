import { Failure } from "../../core/failure.ts";
import type { cloudLogRequest } from "../../core/signer-log.ts";
import { sendRequest } from "../web/request.ts";

/** Cloud Logging, as the machines reach it (private.googleapis.com has the same name inside their network). */
export const loggingAddress = "https://logging.googleapis.com";

export interface WriteEntries {
  /** The API's; Google's unless given. */
  readonly address?: string;
  readonly token: string;
  readonly request: ReturnType<typeof cloudLogRequest>;
  readonly signal?: AbortSignal;
}

/** Writes entries, once. Throws CLOUD_LOG_UNREACHABLE or CLOUD_LOG_REFUSED (unavailable), or the signal's reason. */
export async function writeEntries({ address = loggingAddress, token, request, signal }: WriteEntries): Promise<void> {
  const answer = await sendRequest({
    method: "POST",
    url: `${address}/v2/entries:write`,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(request),
    maxBytes: 64 * 1024,
    timeoutMilliseconds: 10_000,
    retries: 1,
    signal,
  });
  if (answer.kind === "failed") {
    throw failure("CLOUD_LOG_UNREACHABLE", `Cloud Logging can't be reached: ${answer.detail}.`);
  }
  if (answer.status === 200) return;
  throw failure("CLOUD_LOG_REFUSED", `Cloud Logging takes no entries: HTTP ${answer.status}.`);
}

function failure(code: string, message: string): Failure {
  return new Failure({
    code,
    kind: "unavailable",
    message,
    remedy: "Check the way to Google's APIs, and that the machine's account has roles/logging.logWriter and its scope.",
  });
}
