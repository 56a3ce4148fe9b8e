import type { QuoteFault } from "./contract.ts";

/** Why a launch endorsement is refused, or does not cover a machine. */
export const endorsementFaultCodes = {
  ENDORSEMENT_TOO_LARGE: "The endorsement has more bytes than any.",
  ENDORSEMENT_INVALID: "The endorsement is not in the form that Google publishes.",
  ENDORSEMENT_ROOT: "The root certificate is none of an authority.",
  ENDORSEMENT_CERTIFICATE: "The certificate of who signed it is not one that the root issued.",
  ENDORSEMENT_NOT_IN_TIME: "The certificate of who signed it, or the root's, is not valid at this time.",
  ENDORSEMENT_SIGNATURE: "The endorsement's signature is not over these bytes.",
  ENDORSEMENT_WITHOUT_PROVENANCE: "It does not say which source the firmware was built from.",
  ENDORSEMENT_WITHOUT_TDX: "It endorses firmware for another technology only.",
  ENDORSEMENT_OTHER_MRTD: "The machine's MRTD is none that it endorses: the firmware has drifted from it.",
} as const;
export type EndorsementFaultCode = keyof typeof endorsementFaultCodes;
export type EndorsementFault = QuoteFault<EndorsementFaultCode>;
