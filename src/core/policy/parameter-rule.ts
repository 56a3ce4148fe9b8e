import { z } from "zod";

/**
 * What one external parameter of a provenance may be. `fact` compares with something that the certificate or the
 * manifest proves, so that a policy needs no copy of it.
 */
export const parameterFacts = [
  "source.repository",
  "source.ref",
  "source.commit",
  "source.narHash",
  "workflow.path",
  "flake.repository",
  "flake.commit",
  "platform",
] as const;
export type ParameterFact = (typeof parameterFacts)[number];

export type ParameterRule =
  | { equals: string | number | boolean }
  | { oneOf: (string | number | boolean)[] }
  | { fact: ParameterFact }
  | { fields: Record<string, ParameterRule> };

const scalar = z.union([z.string(), z.number(), z.boolean()]);

export const parameterRuleSchema: z.ZodType<ParameterRule> = z.lazy(() =>
  z.union(
    [
      z.strictObject({ equals: scalar }),
      z.strictObject({ oneOf: z.array(scalar).min(1) }),
      z.strictObject({ fact: z.enum(parameterFacts) }),
      z.strictObject({ fields: z.record(z.string(), parameterRuleSchema) }),
    ],
    { error: `must be one of { equals }, { oneOf }, { fact: ${parameterFacts.join(" | ")} }, { fields }` },
  ),
);
