import type * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { IdentityProvider, WorkloadIdentity } from "../../src/core/compile/workload-identity/compile.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import type { CiSecretsSettings } from "./settings.ts";
import type { Deployment, Grant, WorkloadIdentitySettings } from "./workload-identity-settings.ts";

/** Settings → what the compiler takes, and arguments of @pulumi/gcp's resources. Pure. */

/** An identity to be compiled, with what it may do and the environment whose jobs it is for. */
export interface PlannedIdentity {
  readonly identity: WorkloadIdentity;
  readonly grants: readonly Grant[];
  /** Of this repository; undefined for a signer without one, or in another repository. */
  readonly environment: string | undefined;
  /** The environment that a deployment's reviewers are of: its plan and apply read what was approved for it. */
  readonly approvedAs?: string;
}

/** `<id>-<use>`, and from the second generation on `<id>-<use>-g<n>`. */
function nameOf(id: string, use: WorkloadIdentity["use"], generation: number): string {
  return generation === 1 ? `${id}-${use}` : `${id}-${use}-g${generation}`;
}

/** Plan, apply and drift of each deployment, then the builds. */
export function plannedIdentities(
  settings: CiSecretsSettings,
  workload: WorkloadIdentitySettings,
  policy: TrustPolicy,
): PlannedIdentity[] {
  const deployments = workload.deployments.flatMap((deployment) => {
    const { plan, apply, drift } = deployment;
    const planned = (use: "plan" | "apply" | "drift", environment: string, run: Run, grants: readonly Grant[]) => {
      const id = nameOf(deployment.id, use, deployment.generation);
      const caller = { ...callerOf(settings, workload, deployment, run), environment };
      return { identity: { use, id, caller }, grants, environment, approvedAs: apply.environment };
    };
    return [
      planned("plan", plan.environment, deployment, plan.grants),
      planned("apply", apply.environment, deployment, apply.grants),
      ...(drift === undefined ? [] : [planned("drift", drift.environment, drift, plan.grants)]),
    ];
  });
  const builds = workload.builds.map(({ id, generation, signer, grants }): PlannedIdentity => {
    const found = policy.signers.find((each) => each.id === signer);
    const own = found?.repositoryId === settings.repository.id ? found.environment : undefined;
    const identity: WorkloadIdentity = { use: "build", id: nameOf(id, "build", generation), signer };
    return { identity, grants, environment: own };
  });
  return [...deployments, ...builds];
}

type Run = Pick<Deployment, "workflow" | "triggers">;

/** A workflow of the deployment, as the ref that runs it has it. */
function callerOf(
  settings: CiSecretsSettings,
  workload: WorkloadIdentitySettings,
  deployment: Deployment,
  { workflow: path, triggers }: Run,
) {
  const workflow = { repository: `${settings.repository.owner}/${settings.repository.name}`, path };
  return {
    issuer: workload.issuer,
    repositoryId: settings.repository.id,
    ownerId: settings.repository.ownerId,
    signerWorkflow: { ...workflow, ref: "source" as const },
    callerWorkflow: workflow,
    refs: deployment.refs,
    triggers,
    runner: deployment.runner,
  };
}

/** What Google needs to exchange tokens and to manage pools and accounts. They stay enabled: others may use them. */
export const neededServices = [
  "cloudresourcemanager.googleapis.com",
  "iam.googleapis.com",
  "iamcredentials.googleapis.com",
  "sts.googleapis.com",
] as const;

export function poolArgs(
  settings: CiSecretsSettings,
  workload: WorkloadIdentitySettings,
): gcp.iam.WorkloadIdentityPoolArgs {
  return {
    project: workload.project,
    workloadIdentityPoolId: workload.pool.id,
    // 32 characters at most.
    displayName: "neko-trust: CI",
    description: `Jobs of GitHub Actions of ${settings.repository.owner}/${settings.repository.name}; made by neko-trust.`,
    disabled: false,
  };
}

export function poolImportId(workload: WorkloadIdentitySettings): string {
  return `projects/${workload.project}/locations/global/workloadIdentityPools/${workload.pool.id}`;
}

/** No `allowedAudiences`: Google then takes the provider's own full name alone, so that a token is for one provider. */
export function providerArgs(
  workload: WorkloadIdentitySettings,
  poolId: pulumi.Input<string>,
  provider: IdentityProvider,
): gcp.iam.WorkloadIdentityPoolProviderArgs {
  return {
    project: workload.project,
    workloadIdentityPoolId: poolId,
    workloadIdentityPoolProviderId: provider.id,
    displayName: provider.id,
    description: uses[provider.use],
    attributeMapping: provider.attributeMapping,
    attributeCondition: provider.attributeCondition,
    oidc: { issuerUri: provider.issuer },
    disabled: false,
  };
}

const uses = {
  plan: "Reads what a plan needs; made by neko-trust.",
  apply: "Applies the stack, after its environment's reviewers agreed; made by neko-trust.",
  drift: "Asks whether the stack is as it was applied, and only reads; made by neko-trust.",
  build: "What a signer of the trust policy builds with; made by neko-trust.",
} as const satisfies Record<WorkloadIdentity["use"], string>;

export function accountArgs(
  workload: WorkloadIdentitySettings,
  provider: IdentityProvider,
): gcp.serviceaccount.AccountArgs {
  return {
    project: workload.project,
    accountId: provider.id,
    displayName: provider.id,
    description: uses[provider.use],
  };
}

/** The jobs that this one provider accepted, and no other's: see the compiler. */
export function impersonationArgs(
  provider: IdentityProvider,
  poolName: pulumi.Input<string>,
  accountName: pulumi.Input<string>,
): gcp.serviceaccount.IAMMemberArgs {
  return {
    serviceAccountId: accountName,
    role: "roles/iam.workloadIdentityUser",
    member: pulumi.interpolate`principalSet://iam.googleapis.com/${poolName}/attribute.identity/${provider.principal}`,
  };
}

/** Ends a grant's resource name: what is granted on what, so that the order of a list changes nothing. */
export function grantName({ role, on }: Grant): string {
  const thing = on.kind === "stackState" ? `${on.bucket}/${on.stack}` : "id" in on ? on.id : on.name;
  return `${role.replace(/^roles\//, "")}-${on.kind}-${thing}`.replaceAll("/", ".");
}
