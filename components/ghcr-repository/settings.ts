import { z } from "zod";

/** GhcrRepository's part of a stack's configuration: the repository that builds and publishes the image. */

/**
 * Claims that GitHub can put into a token's subject. The two ids are demanded below: a name can be given up and taken
 * by somebody else, an id can't.
 */
const subjectClaims = [
  "actor_id",
  "context",
  "environment",
  "event_name",
  "job_workflow_ref",
  "ref",
  "ref_type",
  "repo",
  "repository_id",
  "repository_owner_id",
  "repository_visibility",
  "runner_environment",
] as const;

const actor = z.strictObject({
  type: z.enum(["RepositoryRole", "Team", "Integration", "OrganizationAdmin"]),
  id: z.int().positive(),
  /** `pull_request`: only through a pull request, never by a direct push. */
  mode: z.enum(["always", "pull_request"]),
});

const branch = z.strictObject({
  /** Approving reviews that a pull request needs. */
  approvals: z.int().min(1).max(10),
  /** One of the approvals must come from a code owner of the changed files. */
  codeOwners: z.boolean(),
  /** Commits must carry a verified signature. */
  signedCommits: z.boolean(),
  linearHistory: z.boolean(),
  /** Checks that must have passed on the latest commit; `integration` is the id of the app that must report it. */
  checks: z.array(z.strictObject({ context: z.string().min(1), integration: z.int().positive().optional() })),
  bypass: z.array(actor),
});

const tagPattern = z.string().regex(/^refs\/tags\/[^\s~]+$/, "must be refs/tags/<pattern>, for example refs/tags/v*");

/** GitHub's number of the role of everybody who may push. */
const writeRole = 4;

/** Who may make a tag: always, as a tag comes by no pull request. */
const creator = z
  .strictObject({ type: actor.shape.type, id: actor.shape.id })
  .refine(
    ({ type, id }) => type !== "RepositoryRole" || id !== writeRole,
    "must not be the write role: everybody who may push could tag any commit of any branch",
  );

const tags = z.strictObject({
  /** Tags that match can't be moved or deleted once they exist. */
  immutable: z.array(tagPattern).min(1),
  /** Who may move and delete them all the same. */
  bypass: z.array(actor),
  /** Who alone may make tags that match: a release is what they name. */
  creators: z.array(creator).min(1),
});

const actions = z.strictObject({
  /** Actions of the organisations actions and github. */
  githubOwned: z.boolean(),
  /** Actions of verified creators in the marketplace. */
  verifiedCreators: z.boolean(),
  /** Further actions and reusable workflows: `owner/name@*`. */
  patterns: z.array(
    z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9-]*\/[A-Za-z0-9._/*-]+(?:@[^\s,]+)?$/, "must be owner/name@ref, with * allowed"),
  ),
  /**
   * Workflows may open pull requests. GitHub's one switch for it also lets them approve some: it is taken only where the
   * default branch wants a code owner's review, as a workflow's token is no code owner.
   */
  pullRequests: z.boolean(),
});

const oidc = z.strictObject({
  subjectClaims: z
    .array(z.enum(subjectClaims))
    .refine(
      (claims) => claims.includes("repository_owner_id") && claims.includes("repository_id"),
      "must include repository_owner_id and repository_id",
    )
    .refine((claims) => new Set(claims).size === claims.length, "must not repeat a claim"),
});

const adopt = z.strictObject({
  /** The repository exists: take it over instead of creating it. */
  repository: z.boolean(),
  /** Ids of existing rulesets, from the address that GitHub shows for them. */
  branchRuleset: z.int().positive().optional(),
  tagRuleset: z.int().positive().optional(),
  tagCreationRuleset: z.int().positive().optional(),
});

/** The image's package in GHCR. No call of GitHub sets these: they are looked at, and a difference refuses. */
const ghcrPackage = z.strictObject({
  /** Below ghcr.io and the owner, for example `neko` or `neko/base`. */
  name: z
    .string()
    .max(200)
    .regex(/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/, "must be the package's name below ghcr.io/<owner>, in lower case"),
  ownerKind: z.enum(["organization", "user"]),
  visibility: z.enum(["public", "private", "internal"]),
});

const shape = z.strictObject({
  /** The repository's name, without its owner. */
  name: z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9._-]+$/, "must be the repository's name, without owner"),
  description: z.string().max(350),
  visibility: z.enum(["public", "private", "internal"]),
  topics: z.array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,49}$/, "must be lower-case letters, digits and dashes")),
  features: z.strictObject({ issues: z.boolean(), projects: z.boolean(), wiki: z.boolean(), discussions: z.boolean() }),
  /** How pull requests may be merged. */
  merge: z.array(z.enum(["merge", "squash", "rebase"])).min(1),
  /** Secret scanning and push protection; free for public repositories. */
  secretScanning: z.boolean(),
  defaultBranch: branch,
  tags,
  actions,
  oidc,
  /** A release and its files can't be changed once it is published. Left out: whatever it is stays. */
  immutableReleases: z.literal("on").optional(),
  /** What the image's package has to be. Left out: it is not looked at. */
  package: ghcrPackage.optional(),
  adopt: adopt.optional(),
  /** `keep`: protected, and archived rather than deleted if it is ever removed from the program. */
  onDestroy: z.enum(["keep", "delete"]),
});

export const ghcrRepositorySettingsSchema = shape.superRefine((settings, context) => {
  if (settings.defaultBranch.linearHistory && settings.merge.includes("merge")) {
    const message =
      'must not include "merge" while defaultBranch.linearHistory is true: a merge commit is refused there';
    context.addIssue({ code: "custom", path: ["merge"], message });
  }
  if (settings.actions.pullRequests && !settings.defaultBranch.codeOwners) {
    const message =
      "must be false while defaultBranch.codeOwners is false: the switch also lets a workflow approve, which then would count";
    context.addIssue({ code: "custom", path: ["actions", "pullRequests"], message });
  }
});
export type GhcrRepositorySettings = z.infer<typeof ghcrRepositorySettingsSchema>;
