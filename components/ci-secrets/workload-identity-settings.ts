import { z } from "zod";

/** The part of CiSecrets' settings that is about Google Cloud: which job may become which service account. */

const environmentName = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "must be letters, digits, dots, dashes and underscores");

/** Refs of a deployment are branches or tags, exact or with one `*` for the rest of a segment, as in the TrustPolicy. */
const refPattern = z
  .string()
  .max(255)
  .regex(/^refs\/(?:heads|tags)\/[^*\s]*\*?$/, "must be a full ref, with at most one * at its end");

const role = z
  .string()
  .max(200)
  .regex(
    /^(?:roles\/[a-zA-Z][A-Za-z0-9.]*|(?:projects|organizations)\/[a-z0-9-]+\/roles\/[A-Za-z0-9_.]+)$/,
    "must be roles/<role>, projects/<project>/roles/<role> or organizations/<id>/roles/<role>",
  )
  .refine(
    (name) => !["roles/owner", "roles/editor"].includes(name),
    "must not be a basic role: list what is really needed",
  );

/** Never the number, by which Google knows it, too: projects are compared. */
const projectPattern = "[a-z][a-z0-9-]{4,28}[a-z0-9]";
const projectId = z
  .string()
  .regex(new RegExp(`^${projectPattern}$`), "must be a project id of 6 to 30 lower-case letters, digits and dashes");

const bucketName = z.string().regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, "must be a bucket's name, without gs://");

const target = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("project"), id: projectId }),
  /** All that is in it, for good: nothing that others depend on may lie there, and no state. */
  z.strictObject({ kind: z.literal("bucket"), name: bucketName }),
  /** The state of one stack in a bucket that may hold those of others. The condition is compiled from the name. */
  z.strictObject({
    kind: z.literal("stackState"),
    bucket: bucketName,
    stack: z
      .string()
      .max(80)
      .regex(
        /^organization\/[A-Za-z][A-Za-z0-9_-]*\/[a-z0-9-]+$/,
        "must be organization/<project>/<stack>, as a backend of one's own names it, without dots or wildcards",
      ),
  }),
  z.strictObject({
    kind: z.literal("cryptoKey"),
    id: z
      .string()
      .regex(
        new RegExp(
          `^projects/${projectPattern}/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]+/cryptoKeys/[A-Za-z0-9_-]+$`,
        ),
        "must be projects/<project id>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>",
      ),
  }),
  z.strictObject({
    kind: z.literal("secret"),
    id: z
      .string()
      .regex(
        new RegExp(`^projects/${projectPattern}/secrets/[A-Za-z0-9_-]+$`),
        "must be projects/<project id>/secrets/<name>",
      ),
  }),
]);

/** Reads a state, or updates it. Others could do more to its objects than an update has to. */
const stateRoles = ["roles/storage.objectViewer", "roles/storage.objectUser"];

const grant = z
  .strictObject({
    role,
    /** On what; the narrower, the better: a bucket rather than its project. */
    on: target,
  })
  .refine(({ role: name, on }) => on.kind !== "stackState" || stateRoles.includes(name), {
    message: `must be one of ${stateRoles.join(", ")} on a stack's state`,
    path: ["role"],
  });
export type Grant = z.infer<typeof grant>;

const grants = z
  .array(grant)
  .min(1)
  .refine(
    (all) => new Set(all.map((one) => JSON.stringify([one.role, one.on]))).size === all.length,
    "must not repeat a grant",
  );

/**
 * Predefined roles that read, and the one that a plan needs to decrypt the stack's secrets with. Google says by their names
 * what they do; a role of one's own may have any name.
 */
const readingRole =
  /^roles\/(?:(?:[A-Za-z0-9.]*\.)?[A-Za-z0-9]*(?:[Vv]iewer|[Rr]eader|[Rr]eviewer)|browser|cloudkms\.cryptoKeyDecrypter)$/;

const planGrants = grants.superRefine((all, context) => {
  all.forEach(({ role: name }, index) => {
    if (readingRole.test(name)) return;
    const message =
      "must be a predefined role that only reads: roles/ and a name that ends in viewer, reader or reviewer, roles/browser, or roles/cloudkms.cryptoKeyDecrypter";
    context.addIssue({ code: "custom", path: [index, "role"], message });
  });
});

/** Room for `-apply` and `-g99` within the 30 characters of a service account's id. */
const identityId = z
  .string()
  .regex(/^(?!gcp-)[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/, "must be 1 to 20 lower-case letters, digits and dashes");

/**
 * Counts up when an identity is made again under an id that it had within the last 30 days: Google keeps a deleted
 * provider for so long, and gives its id to no other.
 */
const generation = z.int().min(1).max(99);

const triggers = z.array(z.enum(["push", "release", "schedule", "workflow_dispatch", "create"])).min(1);
const workflowPath = z
  .string()
  .regex(/^\.github\/workflows\/[A-Za-z0-9._-]+\.ya?ml$/, "must be .github/workflows/<file>.yml");

const deployment = z.strictObject({
  id: identityId,
  generation,
  /** The workflow of this repository that plans and applies. */
  workflow: workflowPath,
  refs: z.array(refPattern).min(1),
  triggers,
  runner: z.enum(["github-hosted", "self-hosted"]),
  /** Reads only. Its environment needs no reviewers. */
  plan: z.strictObject({ environment: environmentName, grants: planGrants }),
  /** Its environment must have reviewers: they are what stands between a push and the account. */
  apply: z.strictObject({ environment: environmentName, grants }),
  /** Another workflow that asks whether the stack is as it was applied: it reads what the plan reads, and writes nothing. */
  drift: z.strictObject({ environment: environmentName, workflow: workflowPath, triggers }).optional(),
});
export type Deployment = z.infer<typeof deployment>;

const build = z.strictObject({
  id: identityId,
  generation,
  /** The id of a signer of the policy: its rules say who may build. */
  signer: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "must be the id of a signer of the policy"),
  grants,
});

export const workloadIdentitySettingsSchema = z.strictObject({
  /** Where pool and service accounts are made; apart from the projects that they have roles in, if that can be. */
  project: projectId,
  pool: z.strictObject({
    id: z
      .string()
      .regex(
        /^(?!gcp-)[a-z0-9-]{4,32}$/,
        "must be 4 to 32 lower-case letters, digits and dashes, not starting with gcp-",
      ),
    /** The pool exists (also after a destroy that kept it): take it over instead of making it. */
    adopt: z.boolean(),
  }),
  issuer: z.string().regex(/^https:\/\/[^\s@?#]+$/, "must be an https URL without credentials, query or fragment"),
  deployments: z.array(deployment),
  builds: z.array(build),
  /**
   * Where each environment's stack reads which policies were approved for it: a bucket of this project, which nobody
   * whose policies are approved may write. Left out, nothing is published.
   */
  approvals: z
    .strictObject({
      bucket: bucketName,
      location: z.string().regex(/^[A-Za-z][A-Za-z0-9-]{1,30}$/, "must be a location, for example europe-west4"),
      /** `keep`: the bucket and what was approved stay when they leave the program. */
      onDestroy: z.enum(["keep", "delete"]),
    })
    .optional(),
  /** `keep`: the pool is protected, and stays when it leaves the program. Providers and accounts always go: they are trust. */
  onDestroy: z.enum(["keep", "delete"]),
});
export type WorkloadIdentitySettings = z.infer<typeof workloadIdentitySettingsSchema>;

/** An environment's name, as both parts of the settings write it. */
export const environmentNameSchema = environmentName;
