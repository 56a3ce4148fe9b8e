import type { Cluster } from "../../../src/adapters/cluster/cluster.ts";
import { describeReference } from "../../../src/adapters/cluster/object.ts";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { referenceOf } from "../../../src/adapters/cluster/cluster.ts";
import { Failure } from "../../../src/core/failure.ts";
import { fieldManager } from "./test-cluster.ts";

/** What became of the objects of one source. */
export interface Judged {
  /** Passed server-side apply with strict field validation and admission, as a dry run. */
  readonly passed: readonly string[];
  /** What the API server refuses, each with its own words. */
  readonly refused: readonly string[];
  /** `apiVersion kind`, of kinds that the API server doesn't serve. */
  readonly unserved: ReadonlySet<string>;
}

/**
 * Sends every object through server-side apply as a dry run; one of a namespaced kind that names no namespace goes to
 * `defaultNamespace`. Namespaces that they lie in are really made first, bare: no policy or webhook selects them, so
 * that the objects themselves are what is judged.
 */
export async function judgeObjects(
  cluster: Cluster,
  objects: readonly ClusterObject[],
  defaultNamespace = "default",
): Promise<Judged> {
  const passed: string[] = [];
  const refused: string[] = [];
  const unserved = new Set<string>();
  const made = new Set<string>();
  for (const object of objects) {
    const { apiVersion, kind } = object;
    const resource = await cluster.discovery.resource(apiVersion, kind);
    if (resource === undefined) {
      unserved.add(`${apiVersion} ${kind}`);
      continue;
    }
    const placed = resource.namespaced
      ? { ...object, metadata: { namespace: defaultNamespace, ...object.metadata } }
      : object;
    const namespace = placed.metadata?.namespace;
    if (resource.namespaced && namespace !== undefined && !made.has(namespace)) {
      const bare = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
      await cluster.serverSideApply(bare, { fieldManager: "namespaces", force: true });
      made.add(namespace);
    }
    const what = describeReference(referenceOf(placed));
    try {
      await cluster.serverSideApply(placed, { fieldManager, dryRun: true, force: true });
      passed.push(what);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      refused.push(`${what}: ${error.message}`);
    }
  }
  return { passed, refused, unserved };
}
