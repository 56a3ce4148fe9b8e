import { connectCluster } from "../adapters/cluster/cluster.ts";
import type { Cluster } from "../adapters/cluster/cluster.ts";
import { isRecord } from "../core/is-record.ts";
import type { ClusterObject } from "../adapters/cluster/object.ts";
import { imagesOfPod, isFinished } from "../adapters/cluster/pods.ts";
import type { ClusterWorkloads } from "../core/compile/validating-admission-policy/refused-workloads.ts";
import { Failure } from "../core/failure.ts";

/** One cluster of a stack, and how to get to it. */
export interface ClusterToRead {
  readonly name: string;
  /** Path of a kubeconfig, absolute. */
  readonly kubeconfig: string;
  readonly context?: string;
}

/** What a cluster runs and serves. */
export interface ReadCluster extends ClusterWorkloads {
  readonly name: string;
  /** Names of the CRDs of engines that it serves, in the versions that are compiled for. */
  readonly crds: readonly string[];
}

/** Kinds that engines' policies have, in the versions that are compiled for, by the CRD that serves them. */
const engineKinds = [
  { group: "policies.kyverno.io", version: "v1", kind: "ImageValidatingPolicy" },
  { group: "policy.sigstore.dev", version: "v1beta1", kind: "ClusterImagePolicy" },
  { group: "templates.gatekeeper.sh", version: "v1", kind: "ConstraintTemplate" },
] as const;

/** Each request; a list of many pods comes in pages, each of them one request. */
const timeoutMilliseconds = 30_000;
/** Clusters that are read at the same time. */
const concurrency = 8;

/**
 * Reads every cluster: images of pods that have not ended, of all namespaces, with the namespaces' labels, and which engines'
 * CRDs are served. All or nothing: what one cluster runs says nothing about another, and a list that ends midway is none.
 * Throws CLUSTER_UNREACHABLE and the adapter's other Failures, with the cluster's name; several at once when several fail.
 */
export async function readClusterWorkloads(
  clusters: readonly ClusterToRead[],
  options: { readonly timeoutMilliseconds?: number } = {},
): Promise<ReadCluster[]> {
  const results: ReadCluster[] = [];
  const failures: Failure[] = [];
  const waiting = clusters.entries();
  const readNext = async (): Promise<void> => {
    for (const [position, cluster] of waiting) {
      try {
        results[position] = await readOne(cluster, options.timeoutMilliseconds ?? timeoutMilliseconds);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        failures.push(named(cluster, error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, clusters.length) }, readNext));
  const [only, ...more] = failures;
  if (only === undefined) return results;
  throw more.length === 0 ? only : together(failures);
}

async function readOne({ name, kubeconfig, context }: ClusterToRead, timeout: number): Promise<ReadCluster> {
  const cluster = await connectCluster({
    kubeconfig,
    timeoutMilliseconds: timeout,
    ...(context === undefined ? {} : { context }),
  });
  const namespaces = await cluster.list({ apiVersion: "v1", kind: "Namespace" });
  const pods = await cluster.list({ apiVersion: "v1", kind: "Pod" });
  return {
    name,
    namespaces: namespaces.map((namespace) => ({ name: namespace.metadata?.name ?? "", labels: labelsOf(namespace) })),
    images: pods
      .filter((pod) => !isFinished(pod))
      .flatMap(imagesOfPod)
      .map(({ namespace, pod, container, image }) => ({ namespace, pod, container, image })),
    crds: await crdsOf(cluster),
  };
}

async function crdsOf(cluster: Cluster): Promise<string[]> {
  const found = await Promise.all(
    engineKinds.map(async ({ group, version, kind }) => {
      const resource = await cluster.discovery.resource(`${group}/${version}`, kind);
      return resource === undefined ? [] : [`${resource.plural}.${group}`];
    }),
  );
  return found.flat();
}

function labelsOf({ metadata }: ClusterObject): Record<string, string> {
  const labels = metadata?.["labels"];
  if (!isRecord(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function named({ name }: ClusterToRead, failure: Failure): Failure {
  const { code, kind, message, remedy, details } = failure;
  return new Failure({ code, kind, message: `Cluster "${name}": ${message}`, remedy, details }, { cause: failure });
}

function together(failures: readonly Failure[]): Failure {
  // What can't be mended by trying again is told first.
  const first = failures.find(({ kind }) => kind !== "unavailable") ?? failures[0];
  return new Failure({
    code: first?.code ?? "CLUSTER_UNREACHABLE",
    kind: first?.kind ?? "unavailable",
    message: `${failures.length} clusters can't be read.`,
    remedy: "Mend what each line says, then try again; nothing was changed in any of them.",
    details: failures.flatMap(({ message, details }) => [message, ...details]),
  });
}
