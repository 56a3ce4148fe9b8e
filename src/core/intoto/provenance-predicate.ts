import { z } from "zod";

/** SLSA provenance v1 (slsa.dev/spec/v1.2/build-provenance), as far as it is compared. */
export const provenanceSchema = z.looseObject({
  buildDefinition: z.looseObject({
    buildType: z.string(),
    externalParameters: z.record(z.string(), z.unknown()),
    internalParameters: z.record(z.string(), z.unknown()).optional(),
    resolvedDependencies: z
      .array(z.looseObject({ uri: z.string().optional(), digest: z.record(z.string(), z.string()).optional() }))
      .min(1),
  }),
  runDetails: z.looseObject({
    builder: z.looseObject({ id: z.string() }),
    metadata: z.looseObject({ invocationId: z.string().optional() }).optional(),
  }),
});
export type Provenance = z.infer<typeof provenanceSchema>;
