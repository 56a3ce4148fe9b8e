import type { Failure } from "../failure.ts";
import { isRecord } from "../is-record.ts";
import { parseStrictJson } from "../json/strict-json.ts";
import { legible } from "../legible.ts";
import { kbsRefused, kbsUnavailable, kbsUsage } from "./kbs-failure.ts";

const typePrefix = "https://github.com/confidential-containers/kbs/errors/";

/** Longest text of KBS's that a message quotes. */
const mostDetail = 200;

/** What KBS said went wrong (RFC 7807). */
export interface KbsProblem {
  readonly status: number;
  /** The last part of the type, `PolicyDeny`; undefined where the answer is no problem of KBS's. */
  readonly kind: string | undefined;
  /** As KBS said it, on one line, without anything that looks like a secret. */
  readonly detail: string;
}

/**
 * Reads an answer that is no success. What it says decides, not its status: nearly all of KBS's errors are 401, PolicyDeny
 * among them in some versions and 403 in others (kbs/src/error.rs).
 */
export function readProblem(status: number, bytes: Uint8Array): KbsProblem {
  const json = parseStrictJson(bytes, { maxDepth: 4, maxBytes: 64 * 1024 });
  const body = json.ok && isRecord(json.value) ? json.value : {};
  const { type, detail } = body;
  const kind = typeof type === "string" && type.startsWith(typePrefix) ? type.slice(typePrefix.length) : undefined;
  return {
    status,
    kind: kind !== undefined && /^[A-Za-z]{1,60}$/.test(kind) ? kind : undefined,
    detail: typeof detail === "string" ? quoted(detail) : "",
  };
}

/** Whoever answers may echo what it was sent: runs that could be a token or a key are left out. */
function quoted(text: string): string {
  return legible(text.slice(0, mostDetail).replaceAll(/[A-Za-z0-9_+/=.-]{24,}/g, "…"));
}

/**
 * Whether a new handshake may help: only when the token is what was at fault, as it may have expired on its way. Everything
 * else is the same the next time, above all what a policy denied.
 */
export function isWorthNewSession({ kind }: KbsProblem): boolean {
  return kind === "TokenNotFound" || kind === "TokenVerifierError";
}

/** The Failure of a problem. `resource` is what was asked for, or undefined while attesting. */
export function problemFailure(problem: KbsProblem, resource: string | undefined): Failure {
  const said = problem.detail === "" ? "" : ` It says: ${problem.detail}`;
  const what = resource ?? "the attestation";
  switch (problem.kind) {
    case "PolicyDeny":
      return kbsRefused(
        "KBS_POLICY_DENIED",
        `The key broker's resource policy does not release ${what} to this attestation result.${said}`,
        "Compare the resource with the broker's `credential`, and the token's claims with its policy; trying again changes nothing.",
      );
    case "AttestationError":
      return kbsRefused(
        "KBS_ATTESTATION_REFUSED",
        `The key broker refused ${what}.${said}`,
        "Look into the broker's log: the evidence did not verify, the session had expired, or it speaks another protocol version.",
      );
    case "TokenNotFound":
    case "TokenVerifierError":
      return kbsRefused(
        "KBS_TOKEN_REFUSED",
        `The key broker does not take its own attestation result for ${what} (${problem.kind}).${said}`,
        "Compare its trusted_certs_paths with the chain of its signer, tokenMinutes, and the clocks.",
      );
    case "InvalidRequestPath":
    case "PluginNotFound":
      return kbsUsage(
        "KBS_RESOURCE_UNKNOWN",
        `The key broker has no such path for ${what} (${problem.kind}).${said}`,
        "Check the address, which ends in /kbs, the resource's name, and the broker's plugin `resource`.",
      );
    case "PluginInternalError":
      return kbsUnavailable(
        "KBS_RESOURCE_FAILED",
        `The key broker could not read ${what}.${said}`,
        "Check that the credential was published, under this very name.",
      );
    case "JweError":
      return kbsRefused(
        "KBS_RESPONSE_FAILED",
        `The key broker could not encrypt ${what} to this machine's key.${said}`,
        "Report it: the key is one of those that the protocol names.",
      );
    case "AdminAuthAccess":
      return kbsRefused(
        "KBS_ADMIN_DENIED",
        `The key broker lets only an administrator do this.${said}`,
        "Ask for a resource, or use an administrator's token.",
      );
    case undefined:
    default:
      return kbsUnavailable(
        "KBS_ERROR_UNKNOWN",
        `The key broker answered HTTP ${problem.status}${problem.kind === undefined ? ", and not with an error of KBS's" : ` (${problem.kind})`}.${said}`,
        "Check the address, and look into the broker's log.",
      );
  }
}
