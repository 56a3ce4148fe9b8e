import type { QuoteFaultCode } from "./fault.ts";

/** What a fault says, what to do, and where the rule is from: shown in docs/generated/quote-fault-codes.md. */
export interface FaultMeaning {
  readonly meaning: string;
  readonly remedy: string;
}

const notAQuote = "Give the bytes that configfs-tsm wrote to outblob, whole.";
const forged = "Do not use this quote: it is not what the platform signed. Find out who changed it.";
const forgedCertificate = "Do not use this quote: its certificates are not Intel's. Find out who made them.";
const fetchAgain = "Fetch collateral from Intel's service again, and keep its bytes as they come.";
const otherTime = "Use collateral that was valid at the time of signing, and check the machine's clock.";
const otherGuest = "Start the guest again without it, from the machine type that the release names.";
const updatePlatform =
  "Move the guest to an updated machine, or wait for the provider's update; allow it only after a review.";

/** Every code explained: a new code does not compile until it has its lines here. */
export const faultMeanings: Readonly<Record<QuoteFaultCode, FaultMeaning>> = {
  QUOTE_TOO_LARGE: { meaning: "The quote has more bytes than any quote has.", remedy: notAQuote },
  QUOTE_TRUNCATED: { meaning: "The quote ends before it is over by its own lengths.", remedy: notAQuote },
  QUOTE_VERSION: {
    meaning: "The quote's version is neither 4 nor 5; version 3 is SGX's.",
    remedy: "Make the quote in a TDX guest.",
  },
  QUOTE_NOT_TDX: { meaning: "The quote is of another kind of machine than TDX.", remedy: "Make it in a TDX guest." },
  QUOTE_KEY_TYPE: {
    meaning: "The attestation key is not ECDSA on P-256, the only kind that Intel's quoting enclave makes.",
    remedy: notAQuote,
  },
  QUOTE_VENDOR: { meaning: "The quoting enclave says that it is not Intel's.", remedy: forged },
  QUOTE_BODY_TYPE: { meaning: "The body is neither of TD 1.0 nor of TD 1.5.", remedy: "Make it in a TDX guest." },
  QUOTE_BODY_SIZE: { meaning: "The body's size is not that of its type.", remedy: notAQuote },
  QUOTE_LENGTHS: { meaning: "The lengths within the quote's signature do not fit each other.", remedy: notAQuote },
  QUOTE_CERTIFICATION_TYPE: {
    meaning: "The quote does not carry the certificate chain of the platform's key.",
    remedy: "Have the host's quote generation service configured to embed the PCK certificate chain.",
  },
  CERTIFICATE_CHAIN_FORM: {
    meaning: "A certificate chain is not PEM certificates and nothing else.",
    remedy: fetchAgain,
  },
  CERTIFICATE_CHAIN_LENGTH: {
    meaning: "A certificate chain has more or fewer certificates than Intel's chains have.",
    remedy: fetchAgain,
  },
  CERTIFICATE_INVALID: {
    meaning: "A certificate is not one as Intel issues them (X.509 v3, P-256, strict DER, known critical extensions).",
    remedy: forgedCertificate,
  },
  CERTIFICATE_ROOT: {
    meaning: "A chain does not end at the pinned root's key, whatever name its last certificate has.",
    remedy: forgedCertificate,
  },
  CERTIFICATE_NAME: {
    meaning: "A certificate's common name is not exactly the one of its place in the chain.",
    remedy: forgedCertificate,
  },
  CERTIFICATE_ISSUER: {
    meaning: "A certificate names another issuer than the next one's subject.",
    remedy: forgedCertificate,
  },
  CERTIFICATE_SIGNATURE: { meaning: "A certificate is not signed by its issuer's key.", remedy: forgedCertificate },
  CERTIFICATE_USAGE: {
    meaning: "A certificate may not be used as its place asks: authority, key usage or path length.",
    remedy: forgedCertificate,
  },
  CERTIFICATE_NOT_YET: { meaning: "A certificate was not valid yet at that time.", remedy: otherTime },
  CERTIFICATE_EXPIRED: { meaning: "A certificate was not valid any more at that time.", remedy: otherTime },
  CERTIFICATE_REVOKED: {
    meaning: "Intel revoked a certificate: its key may be in other hands.",
    remedy: "Trust nothing that this platform signed. Move the guest to another machine.",
  },
  CERTIFICATE_PLATFORM_DATA: {
    meaning: "The PCK certificate's SGX extension, with the platform's id and SVNs, is absent or malformed.",
    remedy: forgedCertificate,
  },
  COLLATERAL_TOO_LARGE: { meaning: "A part of the collateral is larger than any is.", remedy: fetchAgain },
  COLLATERAL_CRL_INVALID: {
    meaning: "A revocation list can't be read. Nobody knows then what is revoked, so nothing is accepted.",
    remedy: fetchAgain,
  },
  COLLATERAL_CRL_ISSUER: {
    meaning: "A revocation list is by another issuer than the certificates that it is asked about.",
    remedy: "Fetch the list of the authority that issued the PCK certificate (ca=platform or ca=processor).",
  },
  COLLATERAL_CRL_SIGNATURE: { meaning: "A revocation list is not signed by its issuer.", remedy: fetchAgain },
  COLLATERAL_CRL_NOT_YET: { meaning: "A revocation list was issued after that time.", remedy: otherTime },
  COLLATERAL_CRL_EXPIRED: { meaning: "A revocation list's successor was due before that time.", remedy: otherTime },
  COLLATERAL_SIGNATURE: {
    meaning: "TCB info or QE identity is not signed in these exact bytes: changed, or parsed and written again.",
    remedy: fetchAgain,
  },
  COLLATERAL_INVALID: {
    meaning: "TCB info or QE identity is signed, but is not what this program reads (a key twice, a missing member).",
    remedy: "Use a version of neko-trust that knows it.",
  },
  COLLATERAL_KIND: {
    meaning: "TCB info or QE identity is about another kind of machine or enclave (SGX, not TDX).",
    remedy: "Fetch it from the service's /tdx/ paths.",
  },
  COLLATERAL_VERSION: {
    meaning: "TCB info or QE identity is of a version that is not read here.",
    remedy: "Fetch it from version 4 of Intel's service.",
  },
  COLLATERAL_NOT_YET: { meaning: "TCB info or QE identity was issued after that time.", remedy: otherTime },
  COLLATERAL_EXPIRED: { meaning: "TCB info's or QE identity's successor was due before that time.", remedy: otherTime },
  COLLATERAL_OTHER_PLATFORM: {
    meaning: "TCB info is about platforms with another FMSPC than the quote's.",
    remedy: "Fetch TCB info for the FMSPC of the quote's PCK certificate.",
  },
  COLLATERAL_OTHER_PCE: {
    meaning: "TCB info is about another provisioning certification enclave than the platform's.",
    remedy: "Fetch TCB info for the quote's PCK certificate.",
  },
  TCB_MODULE_UNKNOWN: {
    meaning: "TCB info does not know the version of the platform's TDX module.",
    remedy: fetchAgain,
  },
  TCB_MODULE_SIGNER: { meaning: "The TDX module is not signed by whom TCB info names.", remedy: forged },
  TCB_MODULE_ATTRIBUTES: {
    meaning: "The TDX module has attributes (debug, for example) that a production module does not have.",
    remedy: "Do not use this platform.",
  },
  QUOTE_QE_SIGNATURE: { meaning: "The platform's certified key did not sign the QE report.", remedy: forged },
  QUOTE_KEY_NOT_BOUND: {
    meaning: "The QE report is about another attestation key than the one that signed the quote.",
    remedy: forged,
  },
  QUOTE_QE_MISCSELECT: { meaning: "The quoting enclave's MISCSELECT is not Intel's.", remedy: forged },
  QUOTE_QE_ATTRIBUTES: {
    meaning: "The quoting enclave's attributes are not those of Intel's (debug, for example).",
    remedy: forged,
  },
  QUOTE_QE_SIGNER: { meaning: "The quoting enclave is signed by somebody else than Intel.", remedy: forged },
  QUOTE_QE_PRODUCT: { meaning: "The enclave is Intel's, but not the TD quoting enclave.", remedy: forged },
  QUOTE_KEY_INVALID: { meaning: "The attestation key is not a point on P-256.", remedy: forged },
  QUOTE_SIGNATURE: { meaning: "The attestation key did not sign this header and body.", remedy: forged },
  TCB_QE_LEVEL_NONE: { meaning: "The quoting enclave is older than all that Intel lists.", remedy: updatePlatform },
  TCB_LEVEL_NONE: { meaning: "The platform reaches none of the levels that Intel lists.", remedy: updatePlatform },
  TCB_MODULE_LEVEL_NONE: { meaning: "The TDX module is older than all that Intel lists.", remedy: updatePlatform },
  TCB_REVOKED: { meaning: "Intel revoked the platform's TCB level. No policy can allow it.", remedy: updatePlatform },
  TCB_STATUS_NOT_ALLOWED: {
    meaning: "The platform's TCB status is not one that the policy lists (tee.statuses).",
    remedy: updatePlatform,
  },
  TCB_ADVISORY_NOT_ALLOWED: {
    meaning: "A security advisory applies that the policy does not list (tee.advisoriesAllowed).",
    remedy: updatePlatform,
  },
  TCB_EVALUATION_TOO_OLD: {
    meaning: "TCB info or QE identity is of an older TCB recovery than the policy's tee.minEvaluation: rolled back?",
    remedy: "Fetch collateral with update=early, or the newest standard one.",
  },
  TD_PLATFORM_NOT_ALLOWED: {
    meaning: "The platform's PPID is not in the policy's tee.platforms.",
    remedy: "Find out whose machine it is. Only if it is yours, review it and add its PPID.",
  },
  TD_DEBUG: {
    meaning: "The guest runs with debugging on: its host reads and writes its memory.",
    remedy: "Start the guest again without debugging.",
  },
  TD_RESERVED_ATTRIBUTE: { meaning: "The guest has an attribute that is not expected.", remedy: otherGuest },
  TD_SEPT_VE_NOT_DISABLED: {
    meaning: "The host may inject faults for pages that it took away (SEPT_VE_DISABLE is off).",
    remedy: otherGuest,
  },
  TD_MIGRATABLE: {
    meaning: "The guest may be moved by a migration TD that a quote of TD 1.0 does not show.",
    remedy: otherGuest,
  },
  TD_PROTECTION_KEYS: { meaning: "The guest has supervisor protection keys, not measured here.", remedy: otherGuest },
  TD_KEY_LOCKER: { meaning: "The guest has Key Locker, whose keys its host may have seen.", remedy: otherGuest },
  TD_PERFORMANCE_MONITORING: {
    meaning: "The guest has performance monitoring, a side channel to its secrets.",
    remedy: otherGuest,
  },
  TD_XFAM: { meaning: "The guest's extended features (XFAM) are impossible or not known.", remedy: otherGuest },
  TD_MODULE_SIGNER: { meaning: "The TDX module is not signed by Intel (MRSIGNERSEAM is not zero).", remedy: forged },
  TD_SERVICE_TD: { meaning: "Another TD serves this one, and could change it (MRSERVICETD).", remedy: otherGuest },
  TD_CONFIG_ID: {
    meaning: "The guest was given a configuration (MRCONFIGID) that is not reviewed.",
    remedy: otherGuest,
  },
  TD_OWNER: {
    meaning: "The guest was given an owner (MROWNER, MROWNERCONFIG) that is not reviewed.",
    remedy: otherGuest,
  },
};
