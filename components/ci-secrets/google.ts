import * as gcp from "@pulumi/gcp";
import type * as pulumi from "@pulumi/pulumi";
import { compile } from "../../src/core/compile/workload-identity/compile.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import {
  accountArgs,
  grantName,
  impersonationArgs,
  neededServices,
  plannedIdentities,
  poolArgs,
  poolImportId,
  providerArgs,
} from "./identities.ts";
import { approvalGrant, makeApprovals } from "./approvals.ts";
import type { CiSecretsSettings } from "./settings.ts";
import { stateRoles } from "./state-access.ts";
import type { ConditionalRole } from "./state-access.ts";
import type { Grant, WorkloadIdentitySettings } from "./workload-identity-settings.ts";

/** A job's way to Google: what its workflow gives to google-github-actions/auth. */
export interface GoogleIdentity {
  readonly id: string;
  /** The environment whose variables tell it to the job; undefined when the job has none here. */
  readonly environment: string | undefined;
  /** `projects/<number>/locations/global/workloadIdentityPools/<pool>/providers/<id>` */
  readonly provider: pulumi.Output<string>;
  readonly serviceAccount: pulumi.Output<string>;
}

export interface GooglePlan {
  /** The component's name: every resource's name starts with it. */
  readonly name: string;
  readonly settings: CiSecretsSettings;
  readonly workload: WorkloadIdentitySettings;
  readonly policy: TrustPolicy;
  readonly parent: pulumi.Resource;
  /** By environment: what has to be there as long as a provider trusts its name. */
  readonly environments: ReadonlyMap<string, pulumi.Resource>;
}

/**
 * Pool, and per identity a provider, an account, who may become it, and what it may do. Throws what the compiler throws.
 */
export function makeGoogleIdentities(plan: GooglePlan): GoogleIdentity[] {
  const { name, settings, workload, policy, parent, environments } = plan;
  const planned = plannedIdentities(settings, workload, policy);
  const compiled = compile(
    policy,
    planned.map(({ identity }) => identity),
  );
  const services = neededServices.map(
    (service) =>
      new gcp.projects.Service(
        `${name}-${service.split(".")[0] ?? service}`,
        { project: workload.project, service, disableOnDestroy: false },
        { parent },
      ),
  );
  const keep = workload.onDestroy === "keep";
  const pool = new gcp.iam.WorkloadIdentityPool(`${name}-pool`, poolArgs(settings, workload), {
    parent,
    dependsOn: services,
    // Google keeps a deleted pool's id for 30 days and gives it to no other: without these, a mistake blocks for so long.
    protect: keep,
    retainOnDelete: keep,
    ...(workload.pool.adopt ? { import: poolImportId(workload) } : {}),
  });
  const approvals = makeApprovals(name, settings, workload, parent);
  return compiled.map((provider) => {
    const { id } = provider;
    const own = planned.find(({ identity }) => identity.id === id);
    const environment = own?.environment === undefined ? undefined : environments.get(own.environment);
    const account = new gcp.serviceaccount.Account(`${name}-${id}-account`, accountArgs(workload, provider), {
      parent,
      dependsOn: services,
    });
    for (const grant of own?.grants ?? [])
      makeGrant(`${name}-${id}-${grantName(grant)}`, grant, account.member, parent);
    const approval = own?.approvedAs === undefined ? undefined : approvalGrant(workload, own.approvedAs);
    if (approvals !== undefined && approval !== undefined) {
      makeConditional(`${name}-${id}`, approvals.name, approval, account.member, parent);
    }
    // GitHub makes an environment that is missing, without any rule, when a job names it: so the trust in its name comes
    // after it and goes before it.
    const after = { parent, ...(environment === undefined ? {} : { dependsOn: [environment] }) };
    const poolProvider = new gcp.iam.WorkloadIdentityPoolProvider(
      `${name}-${id}-provider`,
      providerArgs(workload, pool.workloadIdentityPoolId, provider),
      after,
    );
    new gcp.serviceaccount.IAMMember(
      `${name}-${id}-impersonation`,
      impersonationArgs(provider, pool.name, account.name),
      after,
    );
    return {
      id,
      environment: own?.environment,
      provider: poolProvider.name,
      serviceAccount: account.email,
    };
  });
}

function makeGrant(name: string, { role, on }: Grant, member: pulumi.Output<string>, parent: pulumi.Resource): void {
  switch (on.kind) {
    case "project":
      new gcp.projects.IAMMember(name, { project: on.id, role, member }, { parent });
      return;
    case "bucket":
      new gcp.storage.BucketIAMMember(name, { bucket: on.name, role, member }, { parent });
      return;
    case "stackState":
      for (const conditional of stateRoles(on, role)) makeConditional(name, on.bucket, conditional, member, parent);
      return;
    case "cryptoKey":
      new gcp.kms.CryptoKeyIAMMember(name, { cryptoKeyId: on.id, role, member }, { parent });
      return;
    case "secret":
      new gcp.secretmanager.SecretIamMember(name, { secretId: on.id, role, member }, { parent });
  }
}

function makeConditional(
  name: string,
  bucket: pulumi.Input<string>,
  { role, name: part, condition }: ConditionalRole,
  member: pulumi.Output<string>,
  parent: pulumi.Resource,
): void {
  new gcp.storage.BucketIAMMember(`${name}-${part}`, { bucket, role, member, condition }, { parent });
}
