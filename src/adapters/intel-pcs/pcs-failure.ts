import { Failure } from "../../core/failure.ts";
import type { FailureKind } from "../../core/failure.ts";

/** Why there is no collateral; one code per cause that is told apart. */
export type PcsFailureCode =
  /** An address without TLS, or with credentials in it. */
  | "PCS_URL_INVALID"
  /** The quote does not say whose collateral it needs. */
  | "PCS_QUOTE_INVALID"
  /** The service can't be asked, or is broken. */
  | "PCS_UNAVAILABLE"
  /** The service knows no such platform. */
  | "PCS_PLATFORM_UNKNOWN"
  /** Not in the form of Intel's service. */
  | "PCS_ANSWER_INVALID"
  /** Not signed by Intel, revoked, or out of its time. */
  | "PCS_COLLATERAL_REFUSED"
  /** Older than what was known before. */
  | "PCS_ROLLBACK"
  /** What was kept can't be read. */
  | "PCS_CACHE_INVALID"
  /** What is newest can't be kept, and a rollback to older statements would go unseen. */
  | "PCS_CACHE_UNWRITABLE";

const remedies: Readonly<Record<PcsFailureCode, readonly [FailureKind, string]>> = {
  PCS_URL_INVALID: ["usage", "Give an https URL without credentials, query or fragment (http only on loopback)."],
  PCS_QUOTE_INVALID: ["refused", "Give a TDX quote whose certificate chain ends at Intel's root."],
  PCS_UNAVAILABLE: [
    "unavailable",
    "Try again; if it stays so, look at the network and at https://api.trustedservices.intel.com.",
  ],
  PCS_PLATFORM_UNKNOWN: ["refused", "Check the FMSPC; a platform that Intel does not know can't be verified."],
  PCS_ANSWER_INVALID: ["refused", "Check the service's address: a proxy may have answered in its place."],
  PCS_COLLATERAL_REFUSED: [
    "refused",
    "Check this machine's clock, then the service's address; do not use this collateral.",
  ],
  PCS_ROLLBACK: ["refused", "Find out why the service went back to older statements; do not use them."],
  PCS_CACHE_INVALID: ["usage", "Remove the file; what it remembered of the newest statements is lost with it."],
  PCS_CACHE_UNWRITABLE: ["unavailable", "Make room on the disk, or let this user write to its cache folder."],
};

/** With the code's remedy, unless what was found has one of its own. */
export function pcsFailure(
  code: PcsFailureCode,
  message: string,
  details: readonly string[] = [],
  found?: string,
): Failure {
  const [kind, remedy] = remedies[code];
  return new Failure({ code, kind, message, remedy: found ?? remedy, details });
}
