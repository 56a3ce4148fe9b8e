import type * as command from "@pulumi/command";
import type * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { Failure } from "../../src/core/failure.ts";
import type { GhcrRepositorySettings } from "./settings.ts";

/** Settings → arguments of @pulumi/github's resources. Pure; `repository` is the repository's name as the resource gives it. */

/** What is kept in the component's state and diffed: settings only, nothing secret. */
export function toState(settings: GhcrRepositorySettings): Record<string, unknown> {
  const { pullRequests, ...allowedActions } = settings.actions;
  return {
    name: settings.name,
    visibility: settings.visibility,
    immutableTags: settings.tags.immutable,
    tagCreators: settings.tags.creators,
    allowedActions,
    workflowsOpenPullRequests: pullRequests,
    subjectClaims: settings.oidc.subjectClaims,
    ...(settings.immutableReleases === undefined ? {} : { immutableReleases: settings.immutableReleases }),
    ...(settings.package === undefined ? {} : { package: settings.package }),
    onDestroy: settings.onDestroy,
  };
}

const status = (enabled: boolean) => ({ status: enabled ? "enabled" : "disabled" });

export function repositoryArgs(settings: GhcrRepositorySettings): github.RepositoryArgs {
  return {
    name: settings.name,
    description: settings.description,
    visibility: settings.visibility,
    topics: settings.topics.toSorted(),
    hasIssues: settings.features.issues,
    hasProjects: settings.features.projects,
    hasWiki: settings.features.wiki,
    hasDiscussions: settings.features.discussions,
    allowMergeCommit: settings.merge.includes("merge"),
    allowSquashMerge: settings.merge.includes("squash"),
    allowRebaseMerge: settings.merge.includes("rebase"),
    // Auto-merge merges once the rules are met; nobody looks at that moment.
    allowAutoMerge: false,
    deleteBranchOnMerge: true,
    archiveOnDestroy: settings.onDestroy === "keep",
    securityAndAnalysis: {
      secretScanning: status(settings.secretScanning),
      secretScanningPushProtection: status(settings.secretScanning),
    },
  };
}

type Bypass = GhcrRepositorySettings["tags"]["bypass"];

const bypassActors = (actors: Bypass) =>
  actors.map(({ type, id, mode }) => ({ actorType: type, actorId: id, bypassMode: mode }));

/** The default branch: only by reviewed pull requests, never rewritten or deleted. */
export function branchRulesetArgs(
  settings: GhcrRepositorySettings,
  repository: pulumi.Input<string>,
): github.RepositoryRulesetArgs {
  const branch = settings.defaultBranch;
  return {
    repository,
    name: "neko-trust: default branch",
    target: "branch",
    enforcement: "active",
    bypassActors: bypassActors(branch.bypass),
    conditions: { refName: { includes: ["~DEFAULT_BRANCH"], excludes: [] } },
    rules: {
      deletion: true,
      nonFastForward: true,
      requiredLinearHistory: branch.linearHistory,
      requiredSignatures: branch.signedCommits,
      pullRequest: {
        allowedMergeMethods: settings.merge.toSorted(),
        requiredApprovingReviewCount: branch.approvals,
        requireCodeOwnerReview: branch.codeOwners,
        // A push after the approval needs a new one, from somebody else than who pushed.
        dismissStaleReviewsOnPush: true,
        requireLastPushApproval: true,
        requiredReviewThreadResolution: true,
      },
      ...(branch.checks.length === 0
        ? {}
        : {
            requiredStatusChecks: {
              strictRequiredStatusChecksPolicy: true,
              requiredChecks: branch.checks.map(({ context, integration }) => ({
                context,
                ...(integration === undefined ? {} : { integrationId: integration }),
              })),
            },
          }),
    },
  };
}

/**
 * Release tags: made once, never moved or deleted, so that a tag in a certificate names one commit for good. No status
 * checks here: the provider mishandles them on tag rulesets (terraform-provider-github issue 2560).
 */
export function tagRulesetArgs(
  settings: GhcrRepositorySettings,
  repository: pulumi.Input<string>,
): github.RepositoryRulesetArgs {
  return {
    repository,
    name: "neko-trust: release tags",
    target: "tag",
    enforcement: "active",
    bypassActors: bypassActors(settings.tags.bypass),
    conditions: { refName: { includes: settings.tags.immutable.toSorted(), excludes: [] } },
    rules: { deletion: true, nonFastForward: true, update: true },
  };
}

/**
 * Who may make release tags: whoever tags a commit has it built and signed as a release. A ruleset of its own, as those who
 * may pass this rule must not pass the one above.
 */
export function tagCreationRulesetArgs(
  settings: GhcrRepositorySettings,
  repository: pulumi.Input<string>,
): github.RepositoryRulesetArgs {
  return {
    repository,
    name: "neko-trust: who makes release tags",
    target: "tag",
    enforcement: "active",
    bypassActors: bypassActors(settings.tags.creators.map((actor) => ({ ...actor, mode: "always" }))),
    conditions: { refName: { includes: settings.tags.immutable.toSorted(), excludes: [] } },
    rules: { creation: true },
  };
}

/** Only listed actions, each pinned by a full commit SHA. */
export function actionsPermissionsArgs(
  settings: GhcrRepositorySettings,
  repository: pulumi.Input<string>,
): github.ActionsRepositoryPermissionsArgs {
  return {
    repository,
    enabled: true,
    allowedActions: "selected",
    allowedActionsConfig: {
      githubOwnedAllowed: settings.actions.githubOwned,
      verifiedAllowed: settings.actions.verifiedCreators,
      patternsAlloweds: settings.actions.patterns.toSorted(),
    },
    shaPinningRequired: true,
  };
}

/**
 * A workflow that wants to write must say so. `canApprovePullRequestReviews` is GitHub's one switch "create and approve pull
 * requests": where it is on, a workflow's approval is no code owner's, and none of its own last push, which the default
 * branch's rules demand.
 */
export function workflowPermissionsArgs(
  settings: GhcrRepositorySettings,
  repository: pulumi.Input<string>,
): github.WorkflowRepositoryPermissionsArgs {
  const { pullRequests } = settings.actions;
  return { repository, defaultWorkflowPermissions: "read", canApprovePullRequestReviews: pullRequests };
}

/** The subject of tokens for other systems, made of ids that can't be given up and taken by somebody else. */
export function subjectTemplateArgs(
  settings: GhcrRepositorySettings,
  repository: pulumi.Input<string>,
): github.ActionsRepositoryOidcSubjectClaimCustomizationTemplateArgs {
  // The order is part of the subject, so it stays as it was written.
  return { repository, useDefault: false, includeClaimKeys: settings.oidc.subjectClaims };
}

/** How GitHub's API is reached for what its provider has no resource for. */
export interface GitHubApiAccess {
  /** `https://api.github.com`, or `https://<host>/api/v3`. */
  readonly url: string;
  /** Administers the repository; a classic token with read:packages too, where a package is looked at. */
  readonly token: pulumi.Output<string>;
  /**
   * How neko-trust is called, in the shell's words, from the folder that the program lies in; without what differs from
   * machine to machine, as it is kept in the state. `node ./bin/neko-trust.mjs` if left out.
   */
  readonly cli?: string;
  /** Digest of the newest release: another one has the package looked at again. */
  readonly release?: string;
}

/** Whether the settings ask for something that a command has to do. */
export function needsCommands(settings: GhcrRepositorySettings): boolean {
  return settings.immutableReleases !== undefined || settings.package !== undefined;
}

/** Throws GITHUB_API_MISSING, SECRET_IN_PLAIN_TEXT (usage). */
export function checkedApi(settings: GhcrRepositorySettings, api: GitHubApiAccess | undefined): GitHubApiAccess {
  if (api === undefined) {
    throw new Failure({
      code: "GITHUB_API_MISSING",
      kind: "usage",
      message: `Settings of ${settings.name} (immutableReleases, package) need GitHub's API, and no access to it was given.`,
      remedy: "Pass api: { url, token } to GhcrRepository, or leave those settings out.",
    });
  }
  if (pulumi.Output.isInstance(api.token)) return api;
  throw new Failure({
    code: "SECRET_IN_PLAIN_TEXT",
    kind: "usage",
    message: "GitHub's token was given to GhcrRepository as a plain text.",
    remedy: "Give a secret output: `config.requireSecret(…)`, or `pulumi.secret(…)`.",
  });
}

/**
 * What every command has in common. NEKO_TRUST_TARGET says what it reaches; the token is in the environment alone, so
 * that no list of processes and no message shows it.
 */
function commandArgs(api: GitHubApiAccess, more: Readonly<Record<string, string>> = {}): command.local.CommandArgs {
  return {
    environment: { ...more, NEKO_TRUST_TARGET: api.url, NEKO_TRUST_GITHUB_TOKEN: pulumi.secret(api.token) },
    addPreviousOutputInEnv: false,
  };
}

const cliOf = (api: GitHubApiAccess): string => api.cli ?? "node ./bin/neko-trust.mjs";

/** `fullName` is the repository's, as the resource gives it: letters, digits, dots, dashes, underscores and one slash. */
export function immutableReleasesArgs(
  settings: GhcrRepositorySettings,
  api: GitHubApiAccess,
  fullName: pulumi.Output<string>,
): command.local.CommandArgs {
  const call = (state: string) =>
    pulumi.interpolate`${cliOf(api)} github immutable-releases ${fullName} ${state} --json`;
  return {
    ...commandArgs(api),
    create: call("on"),
    ...(settings.onDestroy === "delete" ? { delete: call("off") } : {}),
  };
}

export function packageArgs(
  declared: NonNullable<GhcrRepositorySettings["package"]>,
  api: GitHubApiAccess,
  fullName: pulumi.Output<string>,
): command.local.CommandArgs {
  const { name, ownerKind, visibility } = declared;
  return {
    ...commandArgs(api, api.release === undefined ? {} : { NEKO_TRUST_RELEASE: api.release }),
    create: fullName.apply(
      (full) =>
        `${cliOf(api)} github package ${full.split("/")[0] ?? ""}/${name} --owner-kind ${ownerKind} ` +
        `--visibility ${visibility} --repository ${full} --json`,
    ),
  };
}
