import { setTimeout as sleep } from "node:timers/promises";
import { clusterFailure } from "../../../src/adapters/cluster/answers.ts";
import type { Cluster } from "../../../src/adapters/cluster/cluster.ts";
import { objectPath } from "../../../src/adapters/cluster/discovery.ts";
import type { ResourceKind } from "../../../src/adapters/cluster/discovery.ts";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { fromJsonMap, at, isList } from "../wire/values.ts";

/** How long a namespace controller has to show itself, by setting the first condition. */
const graceMilliseconds = 1_000;

/**
 * Finishes the deletion of a namespace where no controller manager runs, as in the lab: without its namespace
 * controller a deleted namespace stays "Terminating" for good. Does what that controller does (kubernetes,
 * pkg/controller/namespace/deletion): deletes the contents, then clears the namespace's finalizers. Where a controller
 * is at work, nothing is done.
 */
export async function finishNamespace(cluster: Cluster, name: string): Promise<void> {
  const reference = { apiVersion: "v1", kind: "Namespace", name };
  const end = Date.now() + graceMilliseconds;
  for (;;) {
    const found = await cluster.get(reference);
    if (found.kind === "absent" || hasController(found.value)) return;
    if (Date.now() >= end) break;
    await sleep(100);
  }
  await emptyNamespace(cluster, name);
  const found = await cluster.get(reference);
  if (found.kind === "absent" || hasController(found.value)) return;
  const response = await cluster.send({
    method: "PUT",
    path: `/api/v1/namespaces/${encodeURIComponent(name)}/finalize`,
    body: { ...found.value, spec: { finalizers: [] } },
  });
  if (response.status !== 200 && response.status !== 404)
    throw clusterFailure(`finish the deletion of Namespace ${name}`, response);
}

function hasController(namespace: ClusterObject): boolean {
  const conditions = at(fromJsonMap(namespace), "status", "conditions");
  return isList(conditions) && conditions.length > 0;
}

async function emptyNamespace(cluster: Cluster, namespace: string): Promise<void> {
  for (const apiVersion of await cluster.discovery.groupVersions()) {
    for (const resource of (await cluster.discovery.resources(apiVersion)) ?? []) {
      if (isCollection(resource)) await emptyKind(cluster, apiVersion, resource, namespace);
    }
  }
}

function isCollection({ namespaced, verbs }: ResourceKind): boolean {
  return namespaced && verbs.includes("deletecollection");
}

async function emptyKind(
  cluster: Cluster,
  apiVersion: string,
  resource: ResourceKind,
  namespace: string,
): Promise<void> {
  const response = await cluster.send({ method: "DELETE", path: objectPath(resource, { apiVersion, namespace }) });
  if (response.status >= 400 && response.status !== 404 && response.status !== 405) {
    throw clusterFailure(`delete every ${resource.kind} of Namespace ${namespace}`, response);
  }
}
