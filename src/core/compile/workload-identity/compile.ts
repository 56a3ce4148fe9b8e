import { Failure } from "../../failure.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { celString } from "./cel.ts";
import { conditionOf } from "./condition.ts";
import type { Caller } from "./condition.ts";

/** A job that may become a Google Cloud service account. */
export type WorkloadIdentity =
  /** What a signer of the policy builds with, under exactly the rules that its certificates are held against. */
  | { readonly use: "build"; readonly id: string; readonly signer: string }
  /** Who plans or applies a stack; in a protected environment, as its reviewers are what stands before it. */
  | {
      readonly use: "plan" | "apply" | "drift";
      readonly id: string;
      readonly caller: Caller & { readonly environment: string };
    };

/** One provider of a workload identity pool, and how its tokens are told from those of the pool's other providers. */
export interface IdentityProvider {
  readonly id: string;
  readonly use: WorkloadIdentity["use"];
  readonly issuer: string;
  readonly attributeMapping: Readonly<Record<string, string>>;
  readonly attributeCondition: string;
  /** Ends a principalSet: `attribute.identity/<value>`. Only this provider gives the value. */
  readonly principal: string;
}

/** cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers */
const longest = { condition: 4096, subject: 127 };
const idPattern = /^(?!gcp-)[a-z0-9-]{4,32}$/;
/** GitHub's ids and run numbers are decimal; 20 digits hold any of 64 bits. */
const digits = 20;

/**
 * TrustPolicy and identities → providers of one pool, sorted by id. Pure: the same input gives the same texts.
 * Throws (usage) WORKLOAD_IDENTITY_ID, WORKLOAD_IDENTITY_REPEATED, WORKLOAD_IDENTITY_OVERLAP,
 * WORKLOAD_IDENTITY_SIGNER_UNKNOWN, WORKLOAD_CONDITION_TOO_LONG, WORKLOAD_IDENTITY_TEXT; (refused)
 * WORKLOAD_IDENTITY_REVOKED, WORKLOAD_IDENTITY_OF_SIGNER.
 */
export function compile(policy: TrustPolicy, identities: readonly WorkloadIdentity[]): IdentityProvider[] {
  assertApart(policy, identities);
  return identities
    .map((identity) => providerOf(policy, identity))
    .sort((left, right) => (left.id < right.id ? -1 : 1));
}

function providerOf(policy: TrustPolicy, identity: WorkloadIdentity): IdentityProvider {
  const { id, use } = identity;
  if (policy.revoked.includes(id)) throw revoked(id, id);
  const caller = callerOf(policy, identity);
  if (use === "apply") assertNoSigner(policy, id, caller);
  const attributeCondition = conditionOf(caller);
  if (attributeCondition.length > longest.condition) throw tooLong(id, attributeCondition.length);
  return {
    id,
    use,
    issuer: caller.issuer,
    attributeMapping: mappingOf(id, caller),
    attributeCondition,
    principal: `${id}:${caller.repositoryId}`,
  };
}

/** What IAM may see of a token. Bindings go by `attribute.identity` alone; the others are for people who look. */
function mappingOf(id: string, caller: Caller): Record<string, string> {
  return {
    // The run, so that the audit log leads to it; not `sub`, whose form with ids in it can be longer than is allowed.
    "google.subject": `${celString(`${id}:`)} + assertion.repository_id + ':' + assertion.run_id + ':' + assertion.run_attempt`,
    // A principalSet matches tokens of every provider in the pool: the provider's own name has to be in it.
    "attribute.identity": `${celString(`${id}:`)} + assertion.repository_id`,
    "attribute.repository_owner_id": "assertion.repository_owner_id",
    "attribute.repository_id": "assertion.repository_id",
    "attribute.job_workflow_ref": "assertion.job_workflow_ref",
    "attribute.ref": "assertion.ref",
    "attribute.event_name": "assertion.event_name",
    ...(caller.environment === undefined ? {} : { "attribute.environment": "assertion.environment" }),
  };
}

/** The most bytes that a subject can take. */
export function longestSubject(id: string): number {
  return `${id}:`.length + digits + 1 + digits + 1 + digits;
}

function callerOf(policy: TrustPolicy, identity: WorkloadIdentity): Caller {
  if (identity.use !== "build") return identity.caller;
  const signer = policy.signers.find(({ id }) => id === identity.signer);
  if (signer === undefined) {
    throw failure(
      "WORKLOAD_IDENTITY_SIGNER_UNKNOWN",
      `Workload identity "${identity.id}" is for signer "${identity.signer}", which policy ${policy.name} does not have.`,
      `Name one of: ${policy.signers.map(({ id }) => id).join(", ")}.`,
    );
  }
  if (policy.revoked.includes(signer.id)) throw revoked(identity.id, signer.id);
  return signer;
}

function assertApart(policy: TrustPolicy, identities: readonly WorkloadIdentity[]): void {
  const ids = new Set<string>();
  const places = new Map<string, string>();
  for (const identity of identities) {
    const { id } = identity;
    if (!idPattern.test(id) || longestSubject(id) > longest.subject) {
      throw failure(
        "WORKLOAD_IDENTITY_ID",
        `A workload identity's id is ${JSON.stringify(id)}, which Google takes for no provider.`,
        "Use 4 to 32 lower-case letters, digits and dashes, not starting with gcp-.",
      );
    }
    if (ids.has(id)) {
      throw failure("WORKLOAD_IDENTITY_REPEATED", `Two workload identities have the id "${id}".`, "Rename one.");
    }
    ids.add(id);
    const { repositoryId, environment } = callerOf(policy, identity);
    if (environment === undefined) continue;
    // GitHub takes an environment's name in any case for the same one.
    const place = JSON.stringify([repositoryId, environment.toLowerCase()]);
    const other = places.get(place);
    if (other !== undefined) {
      throw failure(
        "WORKLOAD_IDENTITY_OVERLAP",
        `Workload identities "${other}" and "${id}" are both of environment "${environment}".`,
        "Give each an environment of its own: a job that may do one must not be able to do the other.",
      );
    }
    places.set(place, id);
  }
}

/** Who signs must not provision: it could admit itself. */
function assertNoSigner(policy: TrustPolicy, id: string, caller: Caller): void {
  const rebuilders = policy.rebuilds.rebuilders.map((rebuilder) => ({ id: rebuilder.id, ...rebuilder.identity }));
  const signer = [...policy.signers, ...rebuilders].find(
    (each) =>
      each.repositoryId === caller.repositoryId &&
      (samePlace(each.signerWorkflow, caller.signerWorkflow) || samePlace(each.callerWorkflow, caller.callerWorkflow)),
  );
  if (signer === undefined) return;
  throw new Failure({
    code: "WORKLOAD_IDENTITY_OF_SIGNER",
    kind: "refused",
    message: `Workload identity "${id}" applies stacks from the workflow of signer "${signer.id}": whoever signs could admit itself.`,
    remedy: "Apply from a workflow file that signs nothing.",
  });
}

interface Workflow {
  readonly repository: string;
  readonly path: string;
}

function samePlace(left: Workflow, right: Workflow): boolean {
  return left.repository.toLowerCase() === right.repository.toLowerCase() && left.path === right.path;
}

function revoked(id: string, name: string): Failure {
  return new Failure({
    code: "WORKLOAD_IDENTITY_REVOKED",
    kind: "refused",
    message: `Workload identity "${id}" is refused: the policy revokes "${name}".`,
    remedy: "Remove the identity from the settings.",
  });
}

function tooLong(id: string, length: number): Failure {
  return failure(
    "WORKLOAD_CONDITION_TOO_LONG",
    `The condition of workload identity "${id}" has ${length} characters; Google takes ${longest.condition}.`,
    "List fewer refs.",
  );
}

function failure(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}
