import { z } from "zod";
import { digestSchema } from "../oci/formats.ts";

/**
 * What a confidential signer says of an image (`…/trust/tdx-signer/v1`, docs/confidential-signer.md): that measured code
 * verified it under this policy. It names only what was known before it was signed. The quote is over this statement, so it
 * can't be in it: quote, event log, collateral and time stamps lie beside it (src/core/tdx/evidence-document.ts).
 */
export const tdxSignerPredicateSchema = z.strictObject({
  schema: z.literal(1),
  /**
   * Where the key is from: made in the trust domain for this one statement, or given by the key broker. In the second case
   * whoever runs the broker can sign, too; without a quote such a signature proves nothing of a TEE.
   */
  key: z.enum(["ephemeral", "kbs-key"]),
  /** SHA-256 of the RFC 8785 form of the policy that the image was verified under. */
  policy: digestSchema,
  /** SHA-256 of the time-stamp response that the quote is newer than. */
  challenge: digestSchema,
});
export type TdxSignerPredicate = z.infer<typeof tdxSignerPredicateSchema>;
