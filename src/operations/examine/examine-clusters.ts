import { isAbsolute, join } from "node:path";
import { clusterOf } from "../../adapters/cluster/cluster.ts";
import type { Cluster } from "../../adapters/cluster/cluster.ts";
import { readKubeconfig } from "../../adapters/cluster/kubeconfig.ts";
import type { StackConfig } from "../../config/stack-config.ts";
import { couldNotAsk, missing, ok } from "../../core/check-result.ts";
import type { CheckResult } from "../../core/check-result.ts";
import { Failure } from "../../core/failure.ts";

/** One right that a stack's provider needs in a cluster. */
interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
}

const write = ["get", "create", "patch", "delete"] as const;
const admissionGroup = "admissionregistration.k8s.io";

/** What the components that are configured put into a cluster, cluster-wide. */
export function neededRights(config: Readonly<Record<string, unknown>>): Right[] {
  const rights: Right[] = [];
  const need = (group: string, ...resources: readonly string[]): void => {
    for (const resource of resources) rights.push({ group, resource, verbs: write });
  };
  const has = (component: string): boolean => config[component] !== undefined;
  if (has("admissionPolicies") || has("keyBroker") || has("buildRunners")) need("", "namespaces", "configmaps");
  if (has("admissionPolicies")) {
    need(admissionGroup, "validatingadmissionpolicies", "validatingadmissionpolicybindings");
    // What engines bring with them, and the list of running images.
    need(admissionGroup, "validatingwebhookconfigurations", "mutatingwebhookconfigurations");
    need("apiextensions.k8s.io", "customresourcedefinitions");
    rights.push({ group: "", resource: "pods", verbs: ["list"] });
  }
  if (has("keyBroker")) {
    need("", "secrets", "services", "persistentvolumeclaims");
    need("apps", "deployments");
    need("networking.k8s.io", "networkpolicies");
    need("policy", "poddisruptionbudgets");
  }
  if (has("buildRunners")) {
    need("", "secrets", "serviceaccounts");
    need("apps", "deployments");
    need("networking.k8s.io", "networkpolicies");
    need("rbac.authorization.k8s.io", "roles", "rolebindings", "clusterroles", "clusterrolebindings");
    need("apiextensions.k8s.io", "customresourcedefinitions");
  }
  const seen = new Set<string>();
  return rights.filter(({ group, resource, verbs }) => {
    const key = `${group}/${resource}/${verbs.join()}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Checks of each cluster: kubeconfig readable, API server reachable, every right there (SelfSubjectAccessReview). */
export async function examineClusters(
  config: StackConfig,
  checkout: string,
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
        const rights = neededRights(componentsOn(cluster, config));
        const lacking = await lackingRights(connected, rights);
        if (lacking.length === 0) return [ok(name, `reached, with all ${rights.length} rights that the stack needs`)];
        const remedy = "Give these rights to the kubeconfig's user, cluster-wide (ClusterRole and ClusterRoleBinding).";
        return [missing(name, `reached; lacks ${lacking.join("; ")}`, remedy)];
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
): Readonly<Record<string, unknown>> {
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
    rights.map(async ({ group, resource, verbs }) => {
      const denied = await Promise.all(
        verbs.map(async (verb) => ((await mayDo(cluster, { group, resource, verb })) ? [] : [verb])),
      );
      const missingVerbs = denied.flat();
      return missingVerbs.length === 0
        ? []
        : [`${missingVerbs.join(", ")} ${resource}${group === "" ? "" : `.${group}`}`];
    }),
  );
  return lacking.flat();
}

/** Asks the API server itself (authorization.k8s.io/v1, SelfSubjectAccessReview): nothing is changed by it. */
async function mayDo(
  cluster: Cluster,
  attributes: { readonly group: string; readonly resource: string; readonly verb: string },
): Promise<boolean> {
  const review = await cluster.create({
    ...reviews,
    spec: { resourceAttributes: attributes },
  });
  const { status } = review;
  return typeof status === "object" && status !== null && "allowed" in status && status.allowed === true;
}
