import { z } from "zod";
import { digestSchema } from "../src/core/oci/formats.ts";
import { trustPolicyShape } from "../src/core/policy/trust-policy.ts";
import { releaseManifestSchema } from "../src/core/release/manifest.ts";

/** The published JSON Schemas (draft 2020-12), made from the zod schemas that the program itself reads with. */

/** What `digestSchema` means: zod can't see into a custom check. Its test holds it against `isDigest`. */
const digestJson = { type: "string", pattern: "^sha256:[0-9a-f]{64}$" } as const;

interface Heading {
  readonly $id: string;
  readonly title: string;
  readonly description: string;
}

/** Throws when a custom check has no JSON form here: a schema that says less than the program must be a decision. */
function jsonSchemaOf(schema: z.ZodType, heading: Heading): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    target: "draft-2020-12",
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema, path }) => {
      if (zodSchema === digestSchema) Object.assign(jsonSchema, digestJson);
      else if (zodSchema._zod.def.type === "custom") {
        throw new TypeError(
          `no JSON Schema is known for the custom check at ${path.join(".")}: add it to dev/json-schemas.ts`,
        );
      }
    },
  });
  return { $schema, ...heading, ...rest };
}

function text(schema: Record<string, unknown>): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** schemas/release-manifest.v1.schema.json */
export function releaseManifestJsonSchema(): string {
  return text(
    jsonSchemaOf(releaseManifestSchema, {
      $id: "https://github.com/m1k1o/neko/trust/schemas/release-manifest.v1.schema.json",
      title: "Release manifest",
      description:
        "Ties each platform's NAR hash to its OCI digest. Beyond this schema: platforms are sorted by platform without duplicates; " +
        'derivation and closure may be absent in environment "local" only.',
    }),
  );
}

/** schemas/trust-policy.v1.schema.json */
export function trustPolicyJsonSchema(): string {
  return text(
    jsonSchemaOf(trustPolicyShape, {
      $id: "https://github.com/m1k1o/neko/trust/schemas/trust-policy.v1.schema.json",
      title: "Trust policy",
      description:
        "Whom a stack trusts, for what, and what evidence it demands. Beyond this schema: signer ids are unique, every required id " +
        "names a signer, no repository is named twice, at least one kind is required, and in production each kind is.",
    }),
  );
}
