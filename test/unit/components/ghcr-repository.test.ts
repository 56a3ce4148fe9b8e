import assert from "node:assert/strict";
import { test } from "node:test";
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { GhcrRepository } from "../../../components/ghcr-repository/component.ts";
import { ghcrRepositorySettingsSchema } from "../../../components/ghcr-repository/settings.ts";
import { Failure } from "../../../src/core/failure.ts";
import { ghcrRepositoryFields } from "../../support/ghcr-repository.ts";
import { isKnown, secretIn, startMocks, unwrap } from "../../support/mocks.ts";

const componentType = "neko-trust:github:GhcrRepository";
const repositoryType = "github:index/repository:Repository";

const settingsWith = (changes: object = {}) =>
  ghcrRepositorySettingsSchema.parse({ ...ghcrRepositoryFields, ...changes });

function make(changes: object = {}): GhcrRepository {
  const provider = new github.Provider("github", { owner: "m1k1o", token: pulumi.secret("the token") });
  return new GhcrRepository("neko", { settings: settingsWith(changes) }, { provider });
}

const computed = (type: string): Record<string, unknown> => {
  if (type === repositoryType) return { fullName: "m1k1o/neko", repoId: 223413321 };
  return type.endsWith(":RepositoryRuleset") ? { rulesetId: 7 } : {};
};

test("registers the repository and everything that guards it under itself, through its provider", async () => {
  const mocks = await startMocks({ outputs: computed });
  const component = make();
  await mocks.settled();
  const children = mocks.resources.filter(({ parent }) => parent.endsWith(`${componentType}::neko`));
  assert.deepEqual(children.map(({ name, type }) => `${name} ${type.split(":").at(-1) ?? ""}`).toSorted(), [
    "neko-actions ActionsRepositoryPermissions",
    "neko-default-branch RepositoryRuleset",
    "neko-oidc-subject ActionsRepositoryOidcSubjectClaimCustomizationTemplate",
    "neko-release-tag-creation RepositoryRuleset",
    "neko-release-tags RepositoryRuleset",
    "neko-repository Repository",
    "neko-vulnerability-alerts RepositoryVulnerabilityAlerts",
    "neko-workflows WorkflowRepositoryPermissions",
  ]);
  for (const child of children) {
    assert.match(child.provider, /pulumi:providers:github::github::github-id$/, child.name);
    if (child.type !== repositoryType) assert.equal(child.inputs["repository"], "neko", child.name);
  }
  assert.equal(await unwrap(component.fullName), "m1k1o/neko");
  assert.equal(await unwrap(component.repositoryId), 223413321);
  assert.equal(await unwrap(component.tagRulesetId), 7);
  assert.ok(mocks.registeredOutputs.has(`${componentType}::neko`));
});

test("the default branch takes reviewed pull requests only, and release tags never change", async () => {
  const mocks = await startMocks({ outputs: computed });
  make();
  await mocks.settled();
  assert.deepEqual(mocks.named("neko-default-branch").inputs["rules"], {
    deletion: true,
    nonFastForward: true,
    requiredLinearHistory: true,
    requiredSignatures: true,
    pullRequest: {
      allowedMergeMethods: ["squash"],
      requiredApprovingReviewCount: 1,
      requireCodeOwnerReview: true,
      dismissStaleReviewsOnPush: true,
      requireLastPushApproval: true,
      requiredReviewThreadResolution: true,
    },
    requiredStatusChecks: {
      strictRequiredStatusChecksPolicy: true,
      requiredChecks: [{ context: "test", integrationId: 15368 }, { context: "lint" }],
    },
  });
  const tags = mocks.named("neko-release-tags").inputs;
  assert.deepEqual(tags["rules"], { deletion: true, nonFastForward: true, update: true });
  assert.deepEqual(tags["conditions"], { refName: { includes: ["refs/tags/v*"], excludes: [] } });
  for (const name of ["neko-default-branch", "neko-release-tags"]) {
    assert.deepEqual(
      [mocks.named(name).inputs["enforcement"], mocks.named(name).inputs["bypassActors"]],
      ["active", []],
    );
  }
});

test("release tags are made by those alone who are named, and who may make one may not move one", async () => {
  const mocks = await startMocks({ outputs: computed });
  const team = { type: "Team", id: 3 };
  const immutable = ["refs/tags/v*", "refs/tags/signer-*"];
  make({ tags: { immutable, bypass: [], creators: [...ghcrRepositoryFields.tags.creators, team] } });
  await mocks.settled();
  const { inputs } = mocks.named("neko-release-tag-creation");
  assert.deepEqual([inputs["target"], inputs["enforcement"]], ["tag", "active"]);
  assert.deepEqual(inputs["rules"], { creation: true });
  assert.deepEqual(inputs["conditions"], { refName: { includes: immutable.toSorted(), excludes: [] } });
  assert.deepEqual(inputs["bypassActors"], [
    { actorType: "RepositoryRole", actorId: 5, bypassMode: "always" },
    { actorType: "Team", actorId: 3, bypassMode: "always" },
  ]);
  assert.deepEqual(mocks.named("neko-release-tags").inputs["bypassActors"], []);
});

for (const pullRequests of [true, false]) {
  test(`pullRequests: ${pullRequests} is what workflows may open, and the rest of what they may stays`, async () => {
    const mocks = await startMocks({ outputs: computed });
    make({ actions: { ...ghcrRepositoryFields.actions, pullRequests } });
    await mocks.settled();
    const { inputs } = mocks.named("neko-workflows");
    assert.equal(inputs["canApprovePullRequestReviews"], pullRequests);
    assert.equal(inputs["defaultWorkflowPermissions"], "read");
    const { pullRequest } = mocks.named("neko-default-branch").inputs["rules"] as { pullRequest: object };
    const guards = { requireCodeOwnerReview: true, requireLastPushApproval: true, dismissStaleReviewsOnPush: true };
    assert.deepEqual({ ...pullRequest, ...guards }, pullRequest);
  });
}

test("actions are listed and pinned, tokens read, subjects are made of ids", async () => {
  const mocks = await startMocks({ outputs: computed });
  make();
  await mocks.settled();
  assert.deepEqual(mocks.named("neko-actions").inputs, {
    repository: "neko",
    enabled: true,
    allowedActions: "selected",
    allowedActionsConfig: {
      githubOwnedAllowed: true,
      verifiedAllowed: false,
      patternsAlloweds: ["cachix/install-nix-action@*", "m1k1o/neko/*"],
    },
    shaPinningRequired: true,
  });
  const { inputs } = mocks.named("neko-workflows");
  assert.deepEqual([inputs["defaultWorkflowPermissions"], inputs["canApprovePullRequestReviews"]], ["read", false]);
  assert.deepEqual(
    mocks.named("neko-oidc-subject").inputs["includeClaimKeys"],
    ghcrRepositoryFields.oidc.subjectClaims,
  );
});

test("keep protects the repository; delete is a choice that shows", async () => {
  const repositoryAfter = async (changes: object) => {
    const mocks = await startMocks({ outputs: computed });
    make(changes);
    await mocks.settled();
    const { protect, retainOnDelete, inputs } = mocks.only(repositoryType);
    return [protect, retainOnDelete, inputs["archiveOnDestroy"]];
  };
  assert.deepEqual(await repositoryAfter({}), [true, true, true]);
  assert.deepEqual(await repositoryAfter({ onDestroy: "delete" }), [false, false, false]);
});

test("adopts what exists by id instead of making it again", async () => {
  const mocks = await startMocks({ outputs: computed });
  make({ adopt: { repository: true, tagRuleset: 42 } });
  await mocks.settled();
  const ids = ["neko-repository", "neko-default-branch", "neko-release-tags"].map((name) => mocks.named(name).importId);
  assert.deepEqual(ids, ["neko", "", "neko:42"]);
});

test("the token stays in the provider, wrapped as a secret", async () => {
  const mocks = await startMocks({ outputs: computed });
  make();
  await mocks.settled();
  const provider = mocks.only("pulumi:providers:github");
  assert.equal(secretIn(provider.inputs["token"]), "the token");
  assert.ok(!JSON.stringify(mocks.resources.filter((resource) => resource !== provider)).includes("the token"));
});

test("at preview the ids that GitHub gives are unknown, and every resource is planned", async () => {
  const mocks = await startMocks({ preview: true });
  const component = make();
  await mocks.settled();
  for (const output of [component.repositoryId, component.fullName, component.branchRulesetId]) {
    assert.equal(await isKnown(output), false);
  }
  assert.equal(mocks.resources.filter(({ parent }) => parent.endsWith(`${componentType}::neko`)).length, 8);
});

test("refuses to use the default provider", async () => {
  await startMocks();
  assert.throws(
    () => new GhcrRepository("neko", { settings: settingsWith() }, {} as { provider: github.Provider }),
    (error) => error instanceof Failure && error.code === "PROVIDER_REQUIRED",
  );
});

test("settings refuse unknown keys, mutable subjects, unreviewed branches and merges that can't happen", () => {
  const faults = (changes: object) =>
    ghcrRepositorySettingsSchema
      .safeParse({ ...ghcrRepositoryFields, ...changes })
      .error?.issues.map((issue) => issue.path.join(".")) ?? [];
  assert.deepEqual(faults({}), []);
  assert.deepEqual(faults({ extra: 1 }), [""]);
  assert.deepEqual(faults({ oidc: { subjectClaims: ["repo", "ref"] } }), ["oidc.subjectClaims"]);
  assert.deepEqual(faults({ defaultBranch: { ...ghcrRepositoryFields.defaultBranch, approvals: 0 } }), [
    "defaultBranch.approvals",
  ]);
  assert.deepEqual(faults({ merge: ["merge"] }), ["merge"]);
  const { tags, actions } = ghcrRepositoryFields;
  assert.deepEqual(faults({ tags: { ...tags, immutable: ["v*"] } }), ["tags.immutable.0"]);
  assert.deepEqual(faults({ tags: { ...tags, creators: undefined } }), ["tags.creators"]);
  assert.deepEqual(faults({ tags: { ...tags, creators: [] } }), ["tags.creators"]);
  // Everybody who may push; a team may well have that number.
  assert.deepEqual(faults({ tags: { ...tags, creators: [{ type: "RepositoryRole", id: 4 }] } }), ["tags.creators.0"]);
  assert.deepEqual(faults({ tags: { ...tags, creators: [{ type: "Team", id: 4 }] } }), []);
  assert.deepEqual(faults({ actions: { ...actions, pullRequests: undefined } }), ["actions.pullRequests"]);
  const withoutOwners = { defaultBranch: { ...ghcrRepositoryFields.defaultBranch, codeOwners: false } };
  assert.deepEqual(faults(withoutOwners), []);
  assert.deepEqual(faults({ ...withoutOwners, actions: { ...actions, pullRequests: true } }), ["actions.pullRequests"]);
  assert.deepEqual(faults({ name: "m1k1o/neko" }), ["name"]);
});
