import type * as github from "@pulumi/github";
import type * as pulumi from "@pulumi/pulumi";
import type { GhcrRepositorySettings } from "./settings.ts";

/** Settings → arguments of @pulumi/github's resources. Pure; `repository` is the repository's name as the resource gives it. */

/** What is kept in the component's state and diffed: settings only, nothing secret. */
export function toState(settings: GhcrRepositorySettings): Record<string, unknown> {
  return {
    name: settings.name,
    visibility: settings.visibility,
    immutableTags: settings.tags.immutable,
    allowedActions: settings.actions,
    subjectClaims: settings.oidc.subjectClaims,
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

/** A workflow that wants to write must say so; and no workflow approves its own pull request. */
export function workflowPermissionsArgs(repository: pulumi.Input<string>): github.WorkflowRepositoryPermissionsArgs {
  return { repository, defaultWorkflowPermissions: "read", canApprovePullRequestReviews: false };
}

/** The subject of tokens for other systems, made of ids that can't be given up and taken by somebody else. */
export function subjectTemplateArgs(
  settings: GhcrRepositorySettings,
  repository: pulumi.Input<string>,
): github.ActionsRepositoryOidcSubjectClaimCustomizationTemplateArgs {
  // The order is part of the subject, so it stays as it was written.
  return { repository, useDefault: false, includeClaimKeys: settings.oidc.subjectClaims };
}
