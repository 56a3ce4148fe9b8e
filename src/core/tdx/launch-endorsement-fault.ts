import type { QuoteFault } from "./contract.ts";
import type { FaultMeaning } from "./fault-meanings.ts";

const fetchAgain = "Fetch the endorsement again from Google's bucket, whole and as it is.";
const forged = "Do not trust this firmware: Google did not sign this. Find out who made the endorsement.";
const googlesRoot = "Give the certificate that https://pki.goog/cloud_integrity/GCE-cc-tcb-root_1.crt has.";

/** Why a launch endorsement is refused, or does not cover a machine; in the order in which it is looked at. */
export const endorsementFaultMeanings = {
  ENDORSEMENT_TOO_LARGE: { meaning: "The endorsement has more bytes than any.", remedy: fetchAgain },
  ENDORSEMENT_INVALID: { meaning: "The endorsement is not in the form that Google publishes.", remedy: fetchAgain },
  ENDORSEMENT_ROOT: { meaning: "The root certificate is none of an authority.", remedy: googlesRoot },
  ENDORSEMENT_ROOT_NOT_PINNED: {
    meaning: "The root certificate is not the one that is pinned.",
    remedy: `${googlesRoot} If Google has renewed it, wait for a version of neko-trust that pins the new one, or compare its digest with Google's by another way and give it with --root-sha256.`,
  },
  ENDORSEMENT_CERTIFICATE: {
    meaning: "The certificate of who signed it is not one that the root issued.",
    remedy: forged,
  },
  ENDORSEMENT_NOT_IN_TIME: {
    meaning: "The certificate of who signed it, or the root's, is not valid at this time.",
    remedy: "Check this machine's clock; then fetch the endorsement again, or move the machine to newer firmware.",
  },
  ENDORSEMENT_SIGNATURE: { meaning: "The endorsement's signature is not over these bytes.", remedy: forged },
  ENDORSEMENT_WITHOUT_PROVENANCE: {
    meaning: "It does not say which source the firmware was built from.",
    remedy: "Move the machine to newer firmware: stop it and start it again.",
  },
  ENDORSEMENT_WITHOUT_TDX: {
    meaning: "It endorses firmware for another technology only.",
    remedy: "Fetch the endorsement of the machine's own MRTD, below ovmf_x64_csm/tdx/.",
  },
  ENDORSEMENT_OTHER_MRTD: {
    meaning: "The machine's MRTD is none that it endorses: the firmware has drifted from it.",
    remedy: "Fetch the endorsement of the MRTD that the machine has now; without one, do not trust its firmware.",
  },
} as const satisfies Readonly<Record<string, FaultMeaning>>;
export type EndorsementFaultCode = keyof typeof endorsementFaultMeanings;
export type EndorsementFault = QuoteFault<EndorsementFaultCode>;
