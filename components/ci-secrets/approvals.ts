import * as gcp from "@pulumi/gcp";
import type * as pulumi from "@pulumi/pulumi";
import { approvalDocument, approvalObject, needsApproval } from "../../src/core/policy/published-approval.ts";
import type { CiSecretsSettings } from "./settings.ts";
import { oneObjectRole } from "./state-access.ts";
import type { ConditionalRole } from "./state-access.ts";
import type { WorkloadIdentitySettings } from "./workload-identity-settings.ts";

/** What was approved, where it can be read without this stack's state and its key. */

type Approvals = NonNullable<WorkloadIdentitySettings["approvals"]>;

export function approvalsBucketArgs(workload: WorkloadIdentitySettings, approvals: Approvals): gcp.storage.BucketArgs {
  return {
    name: approvals.bucket,
    project: workload.project,
    location: approvals.location,
    storageClass: "STANDARD",
    uniformBucketLevelAccess: true,
    publicAccessPrevention: "enforced",
    // Who approved what, and when: an approval that is replaced stays readable.
    versioning: { enabled: true },
    forceDestroy: approvals.onDestroy === "delete",
    labels: { "neko-trust": "approvals" },
  };
}

/** The bucket with one object for each environment; undefined where nothing is published. */
export function makeApprovals(
  name: string,
  settings: CiSecretsSettings,
  workload: WorkloadIdentitySettings,
  parent: pulumi.Resource,
): gcp.storage.Bucket | undefined {
  const { approvals } = workload;
  if (approvals === undefined) return undefined;
  const keep = approvals.onDestroy === "keep";
  const bucket = new gcp.storage.Bucket(`${name}-approvals`, approvalsBucketArgs(workload, approvals), {
    parent,
    protect: keep,
    retainOnDelete: keep,
  });
  for (const { name: environment, policyDigest } of settings.environments) {
    if (!needsApproval(environment)) continue;
    new gcp.storage.BucketObject(
      `${name}-approval-${environment}`,
      {
        bucket: bucket.name,
        name: approvalObject(environment),
        content: approvalDocument(environment, policyDigest),
        contentType: "application/json",
      },
      // An environment that leaves the settings is approved no longer: the object goes, whatever happens to the bucket.
      { parent },
    );
  }
  return bucket;
}

/** To read the approval of one environment; undefined where none is published for it. */
export function approvalGrant(
  { approvals }: WorkloadIdentitySettings,
  environment: string,
): ConditionalRole | undefined {
  if (approvals === undefined || !needsApproval(environment)) return undefined;
  return oneObjectRole(approvals.bucket, approvalObject(environment), `approval of ${environment}`);
}
