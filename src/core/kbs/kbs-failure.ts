import { Failure } from "../failure.ts";

/** Codes of what the key broker's client refuses or lacks; docs/key-broker.md says what each means. */
export type KbsCode =
  | "KBS_URL_INVALID"
  | "KBS_TRUST_INVALID"
  | "KBS_TRUST_LAB"
  | "KBS_RESOURCE_ID_INVALID"
  | "KBS_TEE_KEY_UNSUPPORTED"
  | "KBS_UNREACHABLE"
  | "KBS_TLS_UNTRUSTED"
  | "KBS_REDIRECTED"
  | "KBS_ANSWER_TOO_LARGE"
  | "KBS_ANSWER_INVALID"
  | "KBS_NONCE_INVALID"
  | "KBS_NONCE_REPEATED"
  | "KBS_COOKIE_INVALID"
  | "KBS_SESSION_EXPIRED"
  | "KBS_EVIDENCE_INVALID"
  | "KBS_EVIDENCE_TOO_LARGE"
  | "KBS_TOKEN_REFUSED"
  | "KBS_RESPONSE_MALFORMED"
  | "KBS_RESPONSE_ALGORITHM"
  | "KBS_RESPONSE_EPHEMERAL_KEY"
  | "KBS_RESPONSE_DECRYPTION"
  | "KBS_POLICY_DENIED"
  | "KBS_ATTESTATION_REFUSED"
  | "KBS_RESOURCE_UNKNOWN"
  | "KBS_RESOURCE_FAILED"
  | "KBS_RESPONSE_FAILED"
  | "KBS_ADMIN_DENIED"
  | "KBS_ERROR_UNKNOWN";

type Text = readonly [message: string, remedy: string];

/** What was answered, or offered, is not what the protocol and the pins ask for. */
export function kbsRefused(code: KbsCode, ...[message, remedy]: Text): Failure {
  return new Failure({ code, kind: "refused", message, remedy });
}

/** The call is at fault. */
export function kbsUsage(code: KbsCode, ...[message, remedy]: Text): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

/** Something that trying again may mend. */
export function kbsUnavailable(code: KbsCode, ...[message, remedy]: Text): Failure {
  return new Failure({ code, kind: "unavailable", message, remedy });
}
