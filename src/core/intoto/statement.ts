import { z } from "zod";

/** in-toto Attestation Framework v1 (spec/v1/statement.md). v0.1 statements are read, v1 is written. */
export const statementTypes = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"] as const;
export const payloadType = "application/vnd.in-toto+json";

export const predicateTypes = {
  /** cosign 3's image signature. */
  signature: "https://sigstore.dev/cosign/sign/v1",
  provenance: "https://slsa.dev/provenance/v1",
  release: "https://github.com/m1k1o/neko/trust/release/v1",
  tdxSigner: "https://github.com/m1k1o/neko/trust/tdx-signer/v1",
  scan: "https://github.com/m1k1o/neko/trust/scan/v1",
  spdx: "https://spdx.dev/Document",
  spdx23: "https://spdx.dev/Document/v2.3",
  cyclonedx: "https://cyclonedx.org/bom",
  /** slsa.dev/spec/v1.2/verification_summary */
  verificationSummary: "https://slsa.dev/verification_summary/v1",
} as const;

export const buildTypes = {
  nixOci: "https://github.com/m1k1o/neko/trust/nix-oci/v1",
  nixOciRebuild: "https://github.com/m1k1o/neko/trust/nix-oci-rebuild/v1",
} as const;

export const statementSchema = z.looseObject({
  _type: z.enum(statementTypes),
  subject: z
    .array(z.looseObject({ name: z.string().optional(), digest: z.record(z.string(), z.string()) }))
    .min(1)
    .max(1024),
  predicateType: z.string().min(1),
  predicate: z.unknown(),
});
export type Statement = z.infer<typeof statementSchema>;
