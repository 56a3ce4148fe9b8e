import * as pulumi from "@pulumi/pulumi";
import type { CiSecretsSettings } from "../../components/ci-secrets/settings.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { approvalRefusal } from "../core/policy/approval-digest.ts";
import type { Approval } from "../core/policy/approval-digest.ts";
import { digestOfPolicies } from "./digest-of-policies.ts";
import type { StackConfig } from "./stack-config.ts";

/** The variable of CI's protected environment (component CiSecrets sets it). */
export const policyDigestVariable = "NEKO_TRUST_POLICY_DIGEST";

/** The output of the platform stack that has the approved digest of each environment's policies. */
export const approvedPoliciesOutput = "approvedPolicies";

/** Its value: the digests that CiSecrets' settings name, by environment. */
export function approvedPolicies({ environments }: CiSecretsSettings): Record<string, string> {
  return Object.fromEntries(environments.map(({ name, policyDigest }) => [name, policyDigest]));
}

export interface ApprovalContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly offline: boolean;
  readonly dryRun: boolean;
}

/**
 * Refuses an update whose policies nobody approved (POLICY_NOT_APPROVED, POLICY_APPROVAL_MISSING); a preview only warns,
 * as it is what shows the change to those who approve. Both approvals can only deny: what is in a stack's state never
 * stands in for the variable, which production demands, also of a stack that names no platform: leaving the name out of
 * a file must not leave the check out. Stack local has no approvals, nor has what lets nothing in (the platform).
 */
export async function requireApprovedPolicies(config: StackConfig, context: ApprovalContext): Promise<void> {
  const { environment } = config.policy;
  const nothing = verifiesNothing(config) && config.admissionPolicies === undefined;
  if (environment === "local" || (config.platformStack === undefined && nothing)) return;
  const variable = context.environment[policyDigestVariable];
  const approvals = [
    {
      by: `the variable ${policyDigestVariable} of the protected environment`,
      digest: variable === "" ? undefined : variable,
      required: environment === "production",
    },
    // An offline preview has no backend to ask.
    ...(context.offline || config.platformStack === undefined
      ? []
      : [{ ...(await platformApproval(config.platformStack, environment)), required: true }]),
  ];
  const refusal = approvalRefusal(digestOfPolicies(config), approvals);
  if (refusal === undefined) return;
  if (!context.dryRun) throw refusal;
  // Nothing is missing where nothing was asked.
  if (context.offline && refusal.code === "POLICY_APPROVAL_MISSING") return;
  void pulumi.log.warn([`An update would be refused: ${refusal.message}`, ...refusal.details].join("\n"));
}

/** Whether nothing is provisioned from a release: there is nothing yet that a policy lets in. */
export function verifiesNothing({ releases, signerRelease }: StackConfig): boolean {
  return releases.length === 0 && signerRelease === undefined;
}

async function platformApproval(platformStack: string, environment: string): Promise<Approval> {
  const by = `output ${approvedPoliciesOutput} of ${platformStack}`;
  const reference = new pulumi.StackReference("platform", { name: platformStack });
  let value: unknown;
  try {
    value = (await reference.getOutputDetails(approvedPoliciesOutput)).value as unknown;
  } catch (error) {
    throw new Failure(
      {
        code: "PLATFORM_UNREADABLE",
        kind: "unavailable",
        message: `The outputs of ${platformStack} can't be read: ${reasonOf(error)}.`,
        remedy: "Bring the platform stack up first, and log in to the backend that has it.",
      },
      { cause: error },
    );
  }
  const digests: Readonly<Record<string, unknown>> = typeof value === "object" && value !== null ? { ...value } : {};
  const digest = digests[environment];
  return { by, digest: typeof digest === "string" ? digest : undefined };
}
