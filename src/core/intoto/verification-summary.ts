import { z } from "zod";

/** A verification summary (slsa.dev/spec/v1.2/verification_summary), as far as what is attached is checked. */
export const verificationSummarySchema = z.looseObject({
  verifier: z.looseObject({ id: z.string().min(1) }),
  timeVerified: z.iso.datetime({ offset: true, error: "must be an RFC 3339 time" }),
  resourceUri: z.string().min(1),
  policy: z.looseObject({ uri: z.string().optional() }),
  verificationResult: z.enum(["PASSED", "FAILED"]),
  verifiedLevels: z.array(z.string()),
});
