import type { FindingCode } from "./finding.ts";
import type { FindingMeaning } from "./finding-meaning.ts";

const signAgain = "Have the confidential signer sign the image again (attested-key sign).";
const mendPlatform =
  "Update the platform or move the signer to another one, and sign again; or review what the policy's tee allows.";

/** The codes of rule 7 (signatures made in an attested trust domain). */
export const ruleSevenMeanings = {
  TEE_SIGNER_RELEASE: {
    meaning:
      "The signer's release that tee.signerRelease names was not verified under a policy without tee, is another one, or has no measurements.",
    remedy:
      "Name the signer's release and its policy (signerRelease in the stack, or --signer-image), and verify again.",
  },
  TEE_SIGNATURE_MISSING: {
    meaning: "The policy demands a signature made in an attested trust domain, and the image has none.",
    remedy: "Wait until the confidential signer has signed the image, or look at its log for why it did not.",
  },
  TEE_EVIDENCE_INVALID: {
    meaning: "What is attached as an attested signature is not an evidence document of this kind.",
    remedy: signAgain,
  },
  TEE_SIGNATURE_INVALID: {
    meaning: "The signature of an attested statement is not by the key beside it, or that key is not ECDSA P-256.",
    remedy: signAgain,
  },
  TEE_POLICY_NOT_ALLOWED: {
    meaning: "The signer verified the image under a policy that tee.policyDigests does not list.",
    remedy: "Review the signer's policy and add its digest, or have a signer with a listed policy sign.",
  },
  TEE_CHALLENGE_MISMATCH: {
    meaning: "The statement names another challenge than the one that lies beside it.",
    remedy: signAgain,
  },
  TEE_TIME_INVALID: {
    meaning:
      "A time stamp of an attested signature is not by an authority of the trusted root, is about other bytes, or lies in the future; or there are too few.",
    remedy: signAgain,
  },
  TEE_TIME_WINDOW: {
    meaning: "Between the challenge and the signature lie more than 15 minutes, or the signature came first.",
    remedy: "Have the signer sign again with a fresh challenge; check its clock and its connection to the authority.",
  },
  TEE_QUOTE_REFUSED: {
    meaning: "The quote does not verify by Intel's rules with the collateral beside it, as of the time of signing.",
    remedy: signAgain,
  },
  TEE_BINDING_MISMATCH: {
    meaning:
      "The quote was made for another key, statement, policy or challenge: it says nothing about this signature.",
    remedy: "Do not use this signature: somebody put a quote beside it that belongs elsewhere.",
  },
  TEE_TD_REFUSED: {
    meaning:
      "The trust domain can be looked into or changed: debug, migration, a service domain, RTMR3, or reserved bits.",
    remedy: "Run the signer as its release has it, without debug, and sign again.",
  },
  TEE_EVENT_LOG_MISMATCH: {
    meaning: "The event log does not replay to the registers of the quote.",
    remedy: signAgain,
  },
  TEE_MEASUREMENT_MISMATCH: {
    meaning: "The machine that signed measured something else than the signer's release, firmware or machine type.",
    remedy:
      "Find out what booted; after an update of firmware or release, review tee.mrtd, tee.rtmr0, tee.signerRelease.",
  },
  TEE_STATUS_NOT_ALLOWED: {
    meaning: "When it signed, the platform had a TCB status that tee.statuses does not list.",
    remedy: mendPlatform,
  },
  TEE_ADVISORY_NOT_ALLOWED: {
    meaning: "When it signed, advisories of Intel were open for the platform that tee.advisoriesAllowed does not list.",
    remedy: mendPlatform,
  },
  TEE_EVALUATION_TOO_OLD: {
    meaning: "The collateral beside the signature is of an older evaluation of Intel's than tee.minEvaluation.",
    remedy: "Have the signer fetch current collateral and sign again.",
  },
  TEE_PLATFORM_NOT_ALLOWED: {
    meaning: "The machine that signed (its PPID) is not one of tee.platforms.",
    remedy: "Run the signer on a listed machine, or review this one and add its PPID.",
  },
  TEE_REVOKED: {
    meaning: "tee.revoked lists the platform, a measurement, the signer's release or policy, or this signature.",
    remedy: "Have a signer that is not revoked sign the image again.",
  },
  TEE_ROOT_NOT_ALLOWED: {
    meaning: "Another root than Intel's was given for quotes, outside environment local or not a lab's.",
    remedy: "Leave the root of quotes out: only a lab's simulated platform has one of its own.",
  },
} as const satisfies Partial<Record<FindingCode, FindingMeaning>>;
