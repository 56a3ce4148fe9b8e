import { isAbsolute, join } from "node:path";
import { clusterOf } from "../../adapters/cluster/cluster.ts";
import type { Cluster } from "../../adapters/cluster/cluster.ts";
import { readKubeconfig } from "../../adapters/cluster/kubeconfig.ts";
import type { StackConfig } from "../../config/stack-config.ts";
import { couldNotAsk, missing, ok } from "../../core/check-result.ts";
import type { CheckResult } from "../../core/check-result.ts";
import { Failure } from "../../core/failure.ts";
import type { Purpose } from "./purpose.ts";

/** One right that a stack's provider needs in a cluster. */
interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** Left out: in the whole cluster. */
  readonly namespace?: string;
}

const verbsFor: Readonly<Record<Purpose, readonly string[]>> = {
  plan: ["get"],
  apply: ["get", "create", "patch", "delete"],
};
const admissionGroup = "admissionregistration.k8s.io";

/** The components whose rights are asked for. */
export interface ComponentsOfCluster {
  readonly admissionPolicies?: unknown;
  readonly keyBroker?: { readonly namespace: string } | undefined;
  readonly buildRunners?: unknown;
}

/** What the components that are configured put into a cluster: what a plan reads of it, or an update writes. */
export function neededRights(
  { admissionPolicies, keyBroker, buildRunners }: ComponentsOfCluster,
  purpose: Purpose,
): Right[] {
  const rights: Right[] = [];
  const verbs = verbsFor[purpose];
  const need = (group: string, ...resources: readonly string[]): void => {
    for (const resource of resources) rights.push({ group, resource, verbs });
  };
  if ([admissionPolicies, keyBroker, buildRunners].some((one) => one !== undefined)) need("", "namespaces");
  if (admissionPolicies !== undefined) {
    need("", "configmaps");
    need(admissionGroup, "validatingadmissionpolicies", "validatingadmissionpolicybindings");
    // What engines bring with them, and the list of running images.
    need(admissionGroup, "validatingwebhookconfigurations", "mutatingwebhookconfigurations");
    need("apiextensions.k8s.io", "customresourcedefinitions");
    rights.push(
      { group: "", resource: "pods", verbs: ["list"] },
      { group: "", resource: "namespaces", verbs: ["list"] },
    );
  }
  if (keyBroker !== undefined) {
    // All of it lies in the broker's own namespace, and CI's identities have rights nowhere else.
    const { namespace } = keyBroker;
    const inside = (group: string, ...resources: readonly string[]): void => {
      for (const resource of resources) rights.push({ group, resource, verbs, namespace });
    };
    inside("", "configmaps", "secrets", "services", "persistentvolumeclaims");
    inside("apps", "deployments");
    inside("networking.k8s.io", "networkpolicies");
    inside("policy", "poddisruptionbudgets");
  }
  if (buildRunners !== undefined) {
    need("", "configmaps", "secrets", "serviceaccounts");
    need("apps", "deployments");
    need("networking.k8s.io", "networkpolicies");
    need("rbac.authorization.k8s.io", "roles", "rolebindings", "clusterroles", "clusterrolebindings");
    need("apiextensions.k8s.io", "customresourcedefinitions");
  }
  const seen = new Set<string>();
  return rights.filter((right) => {
    const key = JSON.stringify([right.group, right.resource, right.verbs, right.namespace]);
    return !seen.has(key) && seen.add(key);
  });
}

const needOf: Readonly<Record<Purpose, string>> = {
  plan: "a plan of the stack needs",
  apply: "the stack needs",
};
const remedies: Readonly<Record<Purpose, string>> = {
  plan: "Give the kubeconfig's user these rights to read; policy/ci-access has them for CI's identities.",
  apply:
    "Give these rights to the kubeconfig's user, cluster-wide unless a namespace is named; who only previews needs fewer: --for plan.",
};

/** Checks of each cluster: kubeconfig readable, API server reachable, every right there (SelfSubjectAccessReview). */
export async function examineClusters(
  config: StackConfig,
  checkout: string,
  purpose: Purpose,
  timeoutMilliseconds = 10_000,
): Promise<CheckResult[]> {
  const checks = await Promise.all(
    config.clusters.map(async (cluster): Promise<CheckResult[]> => {
      const name = `cluster ${cluster.name}`;
      const { kubeconfig, context } = cluster;
      if (kubeconfig === undefined) return [ok(name, "of the lab, reached by stand-ins alone")];
      if (kubeconfig.includes("placeholder")) return [missing(name, "its kubeconfig is a placeholder", "make init")];
      const path = isAbsolute(kubeconfig) ? kubeconfig : join(checkout, kubeconfig);
      try {
        const connected = clusterOf(await readKubeconfig(path, context), timeoutMilliseconds);
        const rights = neededRights(componentsOn(cluster, config), purpose);
        const lacking = await lackingRights(connected, rights);
        if (lacking.length === 0)
          return [ok(name, `reached, with all ${rights.length} rights that ${needOf[purpose]}`)];
        return [missing(name, `reached; lacks ${lacking.join("; ")}`, remedies[purpose])];
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        const result = error.kind === "unavailable" ? couldNotAsk : missing;
        return [result(name, error.message, error.remedy)];
      }
    }),
  );
  return checks.flat();
}

/** The components that are put into this cluster, by what it runs. */
function componentsOn(
  { runs = ["workloads"] }: StackConfig["clusters"][number],
  { admissionPolicies, keyBroker, buildRunners }: StackConfig,
): ComponentsOfCluster {
  return {
    admissionPolicies: runs.includes("workloads") ? admissionPolicies : undefined,
    keyBroker: runs.includes("key-broker") ? keyBroker : undefined,
    buildRunners: runs.includes("runners") ? buildRunners : undefined,
  };
}

const reviews = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview" };

async function lackingRights(cluster: Cluster, rights: readonly Right[]): Promise<string[]> {
  // Once, not once for each: where the server takes reviews.
  await cluster.discovery.resources(reviews.apiVersion);
  const lacking = await Promise.all(
    rights.map(async ({ group, resource, verbs, namespace }) => {
      const where = namespace === undefined ? {} : { namespace };
      const denied = await Promise.all(
        verbs.map(async (verb) => ((await mayDo(cluster, { group, resource, verb, ...where })) ? [] : [verb])),
      );
      const missingVerbs = denied.flat();
      return missingVerbs.length === 0
        ? []
        : [
            `${missingVerbs.join(", ")} ${resource}${group === "" ? "" : `.${group}`}${namespace === undefined ? "" : ` in ${namespace}`}`,
          ];
    }),
  );
  return lacking.flat();
}

/** Asks the API server itself (authorization.k8s.io/v1, SelfSubjectAccessReview): nothing is changed by it. */
async function mayDo(
  cluster: Cluster,
  attributes: { readonly group: string; readonly resource: string; readonly verb: string; readonly namespace?: string },
): Promise<boolean> {
  const review = await cluster.create({
    ...reviews,
    spec: { resourceAttributes: attributes },
  });
  const { status } = review;
  return typeof status === "object" && status !== null && "allowed" in status && status.allowed === true;
}
