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

/** Every fault of the grants, each at its place. Pure. */
export function grantFaults(settings: CiSecretsSettings): RelationFault[] {
  const { workloadIdentity: workload } = settings;
  if (workload === undefined) return [];
  const grants = placedGrants(workload);
  const { approvals } = workload;
  const stateBuckets = new Set(grants.flatMap(({ on }) => (on.kind === "stackState" ? [on.bucket] : [])));
  const faults = grants.flatMap(({ on, use, owner, path }): RelationFault[] => {
    const fault = (message: string): RelationFault[] => [{ path: [...path, "on"], message }];
    const others = grants.filter((grant) => grant.owner !== owner);
    switch (on.kind) {
      case "bucket":
        if (on.name === approvals?.bucket)
          return fault("must not be the bucket of the approvals: they are read one by one");
        return stateBuckets.has(on.name) ? fault("must not be a bucket that has states in it: grant stackState") : [];
      case "stackState":
        if (use === "build") return fault("must not be a stack's state: a build has none");
        if (on.bucket === approvals?.bucket) {
          return [{ path: [...path, "on", "bucket"], message: "must not be the bucket of the approvals" }];
        }
        return others.some((other) => other.on.kind === "stackState" && other.on.stack === on.stack)
          ? fault("must not be the state of another deployment's stack")
          : [];
      case "cryptoKey":
        return others.some((other) => other.on.kind === "cryptoKey" && other.on.id === on.id)
          ? fault("must not be the key of another deployment or build: each stack's secrets have a key of their own")
          : [];
      case "project":
        return approvals !== undefined && use === "apply" && on.id === workload.project
          ? fault("must not be the project of the approvals: who applies must not be able to approve")
          : [];
      case "secret":
        return [];
    }
  });
  if (approvals === undefined || settings.environments.some(({ name }) => needsApproval(name))) return faults;
  return [
    ...faults,
    { path: ["workloadIdentity", "approvals"], message: "needs an environment staging or production to approve for" },
  ];
}
