import { needsApproval } from "../../src/core/policy/published-approval.ts";
import type { RelationFault } from "./relations.ts";
import type { CiSecretsSettings } from "./settings.ts";
import type { Grant } from "./workload-identity-settings.ts";

/** What must not be given together: one identity's reach into what another one, or its own approval, depends on. */

interface PlacedGrant extends Grant {
  /** `build`: has no stack, so that it has no state. */
  readonly use: "plan" | "apply" | "build";
  /** Id of the deployment or build. */
  readonly owner: string;
  readonly path: (string | number)[];
}

type Workload = NonNullable<CiSecretsSettings["workloadIdentity"]>;
type Target = Grant["on"];

/** The project that a grant reaches into; undefined for buckets, whose names don't tell it. */
function projectOf(on: Target): string | undefined {
  switch (on.kind) {
    case "project":
      return on.id;
    case "cryptoKey":
    case "secret":
      // The schema has an id there, never a number, which would be the same project under another name.
      return on.id.split("/")[1];
    case "bucket":
    case "stackState":
      return undefined;
  }
}

/**
 * What pool, approvals and the state of the stack that grants all this depend on lies in its own project: no identity of
 * CI has a role there, whatever it is for. One of them would do to approve, or to become any other identity.
 */
function ownProjectFault(on: Target, project: string): string | undefined {
  if (projectOf(on) !== project) return undefined;
  return `must not be, or lie in, ${project}, the project of pool and approvals (workloadIdentity.project): only people reach into it`;
}

/** A whole project, where another deployment has anything in it; and a key or secret in another's whole project. */
function sharedProjectFault(grant: PlacedGrant, others: readonly PlacedGrant[]): string | undefined {
  const project = projectOf(grant.on);
  if (project === undefined) return undefined;
  const sharing = others.find(
    (other) =>
      // Builds have no environment to keep apart: two of them may share a project.
      (grant.use !== "build" || other.use !== "build") &&
      (grant.on.kind === "project" || other.on.kind === "project") &&
      projectOf(other.on) === project,
  );
  if (sharing === undefined) return undefined;
  return `must not be, or lie in, a project that the grants of ${sharing.owner} name: each environment has a project of its own`;
}

function placedGrants({ deployments, builds }: Workload): PlacedGrant[] {
  return [
    ...deployments.flatMap((deployment, index) =>
      (["plan", "apply"] as const).flatMap((use) =>
        deployment[use].grants.map((grant, at): PlacedGrant => ({
          ...{ ...grant, use, owner: deployment.id },
          path: ["workloadIdentity", "deployments", index, use, "grants", at],
        })),
      ),
    ),
    ...builds.flatMap(({ id, grants }, index) =>
      grants.map((grant, at): PlacedGrant => ({
        ...{ ...grant, use: "build", owner: id },
        path: ["workloadIdentity", "builds", index, "grants", at],
      })),
    ),
  ];
}

/** One key, or one secret, of two. */
function sameThingFault(on: Target, others: readonly PlacedGrant[]): string | undefined {
  if (on.kind !== "cryptoKey" && on.kind !== "secret") return undefined;
  if (!others.some((other) => other.on.kind === on.kind && other.on.id === on.id)) return undefined;
  return on.kind === "cryptoKey"
    ? "must not be the key of another deployment or build: each stack's secrets have a key of their own"
    : "must not be the secret of another deployment or build: who may write it would say what the other one reads";
}

/** Every fault of the grants, each at its place. Pure. */
export function grantFaults(settings: CiSecretsSettings): RelationFault[] {
  const { workloadIdentity: workload } = settings;
  if (workload === undefined) return [];
  const grants = placedGrants(workload);
  const { approvals } = workload;
  const stateBuckets = new Set(grants.flatMap(({ on }) => (on.kind === "stackState" ? [on.bucket] : [])));
  const faults = grants.flatMap((granted): RelationFault[] => {
    const { on, use, owner, path } = granted;
    const fault = (message: string): RelationFault[] => [{ path: [...path, "on"], message }];
    const others = grants.filter((grant) => grant.owner !== owner);
    switch (on.kind) {
      case "bucket":
        if (on.name === approvals?.bucket)
          return fault("must not be the bucket of the approvals: they are read one by one");
        return stateBuckets.has(on.name) || on.name === `${workload.project}-neko-trust-state`
          ? fault("must not be a bucket that has states in it: grant stackState")
          : [];
      case "stackState":
        if (use === "build") return fault("must not be a stack's state: a build has none");
        if (on.bucket === approvals?.bucket) {
          return [{ path: [...path, "on", "bucket"], message: "must not be the bucket of the approvals" }];
        }
        return others.some((other) => other.on.kind === "stackState" && other.on.stack === on.stack)
          ? fault("must not be the state of another deployment's stack")
          : [];
      case "project":
      case "cryptoKey":
      case "secret": {
        const message =
          ownProjectFault(on, workload.project) ?? sharedProjectFault(granted, others) ?? sameThingFault(on, others);
        return message === undefined ? [] : fault(message);
      }
    }
  });
  if (approvals === undefined || settings.environments.some(({ name }) => needsApproval(name))) return faults;
  return [
    ...faults,
    { path: ["workloadIdentity", "approvals"], message: "needs an environment staging or production to approve for" },
  ];
}
