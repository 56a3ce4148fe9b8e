import { z } from "zod";
import { digestSchema } from "../../src/core/oci/formats.ts";
import { settingsRelations } from "./relations.ts";
import { environmentNameSchema, workloadIdentitySettingsSchema } from "./workload-identity-settings.ts";

/** CiSecrets' part of a stack's configuration: what CI may know and become, and who has to agree before it does. */

/** "0" is a placeholder. */
const numericId = z.string().regex(/^(?:0|[1-9][0-9]{0,19})$/, "must be the numeric id, quoted");
/** 0 is a placeholder. */
const accountId = z.int().min(0);
/** GitHub takes no name that begins with GITHUB_, and has them in upper case. */
const variableName = z
  .string()
  .max(100)
  .regex(
    /^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/,
    "must be upper-case letters, digits and underscores, not starting with GITHUB_",
  );
const configKey = z.string().regex(/^[a-z][A-Za-z0-9]*$/, "must be a key of the stack's configuration, in camelCase");

const source = z.discriminatedUnion("kind", [
  /** `pulumi config set --secret <key>` */
  z.strictObject({ kind: z.literal("config"), key: configKey }),
  z.strictObject({
    kind: z.literal("secretManager"),
    /** A version by number: `latest` would change the secret without a change of this file. */
    version: z
      .string()
      .regex(
        /^projects\/[a-z0-9-]+\/secrets\/[A-Za-z0-9_-]+\/versions\/[1-9][0-9]*$/,
        "must be projects/<project>/secrets/<name>/versions/<number>",
      ),
  }),
  /** A value of a Pulumi ESC environment that the stack's file imports under `pulumiConfig`. */
  z.strictObject({ kind: z.literal("esc"), key: configKey }),
]);

const secret = z.strictObject({
  name: variableName,
  source,
  /** The day by which it has to be another: overdue from the day after. */
  rotateBy: z.iso.date({ message: "must be a date, for example 2027-03-31" }),
});
export type SecretSettings = z.infer<typeof secret>;

const pattern = z
  .string()
  .max(255)
  .regex(
    /^(?!refs\/)[A-Za-z0-9._/*-]+$/,
    "must be a branch's or tag's name or pattern, without refs/heads/ or refs/tags/",
  );

const refs = z.union(
  [
    /** Branches that a ruleset or branch protection guards. */
    z.strictObject({ protectedBranches: z.literal(true) }),
    z
      .strictObject({ branches: z.array(pattern), tags: z.array(pattern) })
      .refine(({ branches, tags }) => branches.length + tags.length > 0, "must name a branch or a tag")
      .refine(
        (all) => [all.branches, all.tags].every((list) => new Set(list).size === list.length),
        "must not repeat a pattern",
      ),
  ],
  { error: "must be protectedBranches: true, or branches and tags with at least one pattern" },
);

const environment = z.strictObject({
  name: environmentNameSchema,
  /** Ids of teams and users, one of whom has to approve each job. Six at most, together. */
  reviewers: z.strictObject({ teams: z.array(accountId), users: z.array(accountId) }),
  /** Who started a job can't approve it. */
  preventSelfReview: z.boolean(),
  waitMinutes: z.int().min(0).max(43_200),
  /** What may be deployed from. */
  refs,
  /**
   * What somebody agreed to that the stack of this environment trusts: `neko-trust policy digest <stack>` tells it.
   * Written by hand on purpose: made from the policy, it would agree with any change.
   */
  policyDigest: digestSchema,
  secrets: z.array(secret),
  variables: z.record(
    variableName,
    z
      .string()
      .min(1)
      .max(48 * 1024),
  ),
});
export type EnvironmentSettings = z.infer<typeof environment>;

const shape = z.strictObject({
  /** The repository that the environments are of. */
  repository: z.strictObject({
    owner: z
      .string()
      .max(39)
      .regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/, "must be a user or organisation"),
    name: z
      .string()
      .max(100)
      .regex(/^[A-Za-z0-9._-]+$/, "must be the repository's name, without owner"),
    id: numericId,
    ownerId: numericId,
  }),
  registry: z.strictObject({
    repository: z
      .string()
      .regex(/^[a-z0-9.-]+(?::[0-9]{1,5})?\/[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/, "must be registry/path, without tag"),
    /** `public`: nothing needs a token to read, and a job writes with its own; so GHCR_ACCESS_TOKEN is refused. */
    access: z.enum(["public", "private"]),
  }),
  /** `keyless`: no key exists; `key`: COSIGN_KEY signs, and whoever has it is the signer. */
  signing: z.enum(["keyless", "key"]),
  /** What an overdue secret does to a plan. */
  overdue: z.enum(["warn", "refuse"]),
  environments: z.array(environment).min(1),
  workloadIdentity: workloadIdentitySettingsSchema.optional(),
});

export const ciSecretsSettingsSchema = shape.superRefine((settings, context) => {
  for (const { path, message } of settingsRelations(settings)) context.addIssue({ code: "custom", path, message });
});
export type CiSecretsSettings = z.infer<typeof shape>;
