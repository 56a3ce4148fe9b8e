import { z } from "zod";
import { arcSettingsSchema } from "./arc-settings.ts";
import { reason } from "./formats.ts";
import { gceSettingsSchema } from "./gce-settings.ts";

/** BuildRunners' part of a stack's configuration: who may use the runners, and the parts that are wanted. */

const signerId = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "must be the id of one of policy.signers");

const exactRef = z
  .string()
  .regex(/^refs\/(?:heads|tags)\/[^*\s]+$/, "must be a full ref without *, for example refs/tags/v3.1.0");

const group = z.strictObject({
  /** The runner group's name, unique in the organisation. */
  name: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?$/, "must be letters, digits, spaces, dots, dashes")
    .refine((text) => text.toLowerCase() !== "default", "must not be the organisation's own group Default"),
  /** Signers of the policy whose workflows may use the group. */
  signers: z.array(signerId).min(1),
  /** What the signers' ref patterns stand for right now: GitHub takes exact refs only. */
  refs: z.array(exactRef).optional(),
  /** Anybody can open a pull request against a public repository. */
  publicRepositories: z.union([z.literal("refuse"), z.strictObject({ reason })], {
    error: "must be refuse, or { reason } to allow them",
  }),
});

const ownerKind = z.enum(["organization", "user"]).superRefine((given, context) => {
  if (given === "organization") return;
  const message =
    "must be organization: GitHub has runner groups for organisations only, and without one any workflow of the " +
    "repository could use the runners; move the repository to an organisation, or leave buildRunners out";
  context.addIssue({ code: "custom", message });
});

export const buildRunnersSettingsSchema = z
  .strictObject({
    /** What owns the repository at GitHub. */
    ownerKind,
    group,
    /** Runners as pods of a cluster, for checks. */
    arc: arcSettingsSchema.optional(),
    /** Runners as virtual machines, for builds. */
    gce: gceSettingsSchema.optional(),
  })
  .refine((given) => given.arc !== undefined || given.gce !== undefined, "must have arc, gce or both");
export type BuildRunnersSettings = z.infer<typeof buildRunnersSettingsSchema>;
