import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { Failure, reasonOf } from "../core/failure.ts";
import { legible } from "../core/legible.ts";
import { approvalRefusal } from "../core/policy/approval-digest.ts";
import type { Approval } from "../core/policy/approval-digest.ts";
import { approvalObject, approvedDigestIn } from "../core/policy/published-approval.ts";
import { digestOfPolicies } from "./digest-of-policies.ts";
import type { StackConfig } from "./stack-config.ts";
import { singletonKeys } from "./stack-relations.ts";

/** The variable of CI's protected environment (component CiSecrets sets it). */
export const policyDigestVariable = "NEKO_TRUST_POLICY_DIGEST";

export interface ApprovalContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly offline: boolean;
  readonly dryRun: boolean;
  /** The provider whose credentials read the published approval; asked for only where there is one to read. */
  readonly google: () => gcp.Provider;
}

/**
 * Refuses an update whose policies nobody approved (POLICY_NOT_APPROVED, POLICY_APPROVAL_MISSING, APPROVAL_UNREADABLE); a
 * preview only warns, as it is what shows the change to those who approve. Both approvals can only deny: what the platform
 * published never stands in for the variable, which production demands, also of a stack that names no approvals, or has
 * nothing left that would let something in: leaving things out of a file must not leave the check out. Stack local has
 * none, nor has the platform, which lets nothing in and is what makes the approvals.
 */
export async function requireApprovedPolicies(config: StackConfig, context: ApprovalContext): Promise<void> {
  try {
    await requireApproval(config, context);
  } catch (error) {
    if (!context.dryRun || !(error instanceof Failure)) throw error;
    // Nothing is missing where nothing was asked.
    if (context.offline && error.code === "POLICY_APPROVAL_MISSING") return;
    void pulumi.log.warn([`An update would be refused: ${error.message}`, ...error.details].join("\n"));
  }
}

async function requireApproval(config: StackConfig, context: ApprovalContext): Promise<void> {
  const { environment } = config.policy;
  if (environment === "local" || isPlatform(config)) return;
  const variable = context.environment[policyDigestVariable];
  const approvals = [
    {
      by: `the variable ${policyDigestVariable} of the protected environment`,
      digest: variable === "" ? undefined : variable,
      required: environment === "production",
    },
    // An offline preview asks nobody.
    ...(context.offline || config.approvals === undefined
      ? []
      : [{ ...(await publishedApproval(config.approvals.bucket, environment, context.google())), required: true }]),
  ];
  const refusal = approvalRefusal(digestOfPolicies(config), approvals);
  if (refusal !== undefined) throw refusal;
}

/** Whether this stack has what exists once, and nothing that a policy lets in; another one can't have it (guard-update.ts). */
function isPlatform(config: StackConfig): boolean {
  const { approvals, admissionPolicies } = config;
  const nothing = verifiesNothing(config) && approvals === undefined && admissionPolicies === undefined;
  return nothing && singletonKeys.some((key) => config[key] !== undefined);
}

/** Whether nothing is provisioned from a release: there is nothing yet that a policy lets in. */
export function verifiesNothing({ releases, signerRelease }: StackConfig): boolean {
  return releases.length === 0 && signerRelease === undefined;
}

/** In words, where an environment's approval lies. */
export function approvalPlace(bucket: string, environment: string): string {
  return `gs://${bucket}/${approvalObject(environment)}`;
}

/**
 * Through the provider, so with exactly the credentials that the update itself has. Throws APPROVAL_UNREADABLE: the provider's
 * words don't tell for certain whether there is no object or no right to read it, and neither approves anything.
 */
async function publishedApproval(bucket: string, environment: string, provider: gcp.Provider): Promise<Approval> {
  const by = approvalPlace(bucket, environment);
  let content: unknown;
  try {
    const name = approvalObject(environment);
    ({ content } = await gcp.storage.getBucketObjectContent({ bucket, name }, { provider }));
  } catch (error) {
    throw unreadable(by, legible(reasonOf(error)).slice(0, 400), error);
  }
  // The engine may leave a call unanswered while what it depends on is only planned: the SDK then has an empty result.
  if (typeof content !== "string") throw unreadable(by, "there was no answer", undefined);
  const approved = approvedDigestIn(content, environment);
  if (!approved.ok) throw unreadable(by, approved.why, undefined);
  return { by, digest: approved.digest };
}

function unreadable(by: string, why: string, cause: unknown): Failure {
  return new Failure(
    {
      code: "APPROVAL_UNREADABLE",
      kind: "unavailable",
      message: `What was approved for this stack's environment can't be read from ${by}: ${why}.`,
      remedy:
        "Bring the platform stack up first: it publishes the approval, and lets this environment's identities read it. `make doctor` says which of the two is missing.",
    },
    { cause },
  );
}
