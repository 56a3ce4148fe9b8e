import { z } from "zod";
import type { Digest } from "../oci/digest.ts";
import { writeStatement } from "./write-statement.ts";
import { predicateTypes } from "./statement.ts";

/**
 * A verification summary (slsa.dev/spec/v1.2/verification_summary): what was verified, when, by whom and under which policy, for those who
 * trust this verifier's word. As an unsigned statement; whoever needs it signed signs it.
 */
export interface VerificationSummary {
  /** `registry/path`. */
  readonly repository: string;
  /** What the reference was resolved to. */
  readonly digest: Digest;
  readonly policy: { readonly name: string; readonly digest: Digest };
  readonly timeVerified: Date;
  readonly passed: boolean;
  /** Referrers whose statements counted; none are listed when it did not pass. */
  readonly referrers: readonly Digest[];
  /** Version of this package. */
  readonly verifierVersion: string;
}

/** A summary, ours or anybody's, as far as what is attached is checked. */
export const verificationSummarySchema = z.looseObject({
  verifier: z.looseObject({ id: z.string().min(1) }),
  timeVerified: z.iso.datetime({ offset: true, error: "must be an RFC 3339 time" }),
  resourceUri: z.string().min(1),
  policy: z.looseObject({ uri: z.string().optional() }),
  verificationResult: z.enum(["PASSED", "FAILED"]),
  verifiedLevels: z.array(z.string()),
});

/** Who verified: the program, not who ran it. */
export const verifierId = "https://github.com/m1k1o/neko/trust";

/**
 * The statement's bytes, in RFC 8785's form: one line without its end. No SLSA level is claimed: verifyRelease judges
 * provenance by a policy of its own, not by SLSA's tracks.
 */
export function writeVerificationSummary(summary: VerificationSummary): Uint8Array {
  const { repository, digest, policy, passed, referrers } = summary;
  return writeStatement({
    subject: [{ name: repository, digest: { sha256: hexOf(digest) } }],
    predicateType: predicateTypes.verificationSummary,
    predicate: {
      verifier: { id: verifierId, version: { "neko-trust": summary.verifierVersion } },
      timeVerified: summary.timeVerified.toISOString(),
      // Where it is published; which one it is says the subject.
      resourceUri: `oci://${repository}`,
      // A policy lies in a file, so its name stands for it; the digest of its RFC 8785 form says which one it was.
      policy: {
        uri: `${verifierId}/policy#${encodeURIComponent(policy.name)}`,
        digest: { sha256: hexOf(policy.digest) },
      },
      inputAttestations: [...new Set(referrers)].map((referrer) => ({
        uri: `oci://${repository}@${referrer}`,
        digest: { sha256: hexOf(referrer) },
      })),
      verificationResult: passed ? "PASSED" : "FAILED",
      verifiedLevels: [passed ? "SLSA_BUILD_LEVEL_UNEVALUATED" : "FAILED"],
      slsaVersion: "1.2",
    },
  });
}

function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}
