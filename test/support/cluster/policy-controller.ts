import { join } from "node:path";
import { freePorts } from "../../../lab/processes/ports.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { startEngine, waitForPorts } from "./engine-process.ts";
import type { RunningEngine } from "./engine-process.ts";
import { objectsIn } from "./manifests.ts";
import { folderOf } from "./modules.ts";
import type { TestCluster } from "./test-cluster.ts";
import { valueAt } from "./test-cluster.ts";

const namespace = "cosign-system";
/** Its own: v0.15.1 reads `--secure-port` after the port was copied, and has no setting for its health probes. */
const webhookPort = 8443;
const healthPort = 8080;

/** Files of the module's config/ that are no workload and no right of one. */
const files = [
  "100-namespace",
  "300-clusterimagepolicy",
  "300-trustroot",
  "400-webhook-service",
  "500-webhook-configuration",
  "501-policy-webhook-configurations",
  "config-image-policies",
  "config-leader-election",
  "config-logging",
  "config-observability",
  "config-policy-controller",
  "config-sigstore-keys",
] as const;

/**
 * policy-controller as a process. Its Service has a ClusterIP on loopback, where the API server dials it. Trust roots
 * go into ConfigMap config-sigstore-keys before the start: a TrustRoot object would break bundles (facts of the lab).
 */
export async function startPolicyController(
  test: TestCluster,
  trustRoots: Readonly<Record<string, string>>,
): Promise<RunningEngine> {
  const { folder } = await folderOf("policyController");
  const objects = files.flatMap((name) => objectsIn(join(folder, "config", `${name}.yaml`)));
  await test.install(objects.map((object) => onLoopback(object, trustRoots)));
  await waitForPorts([webhookPort, healthPort]);
  const [profiling = 0, metrics = 0] = await freePorts(2);
  return startEngine(test, {
    tool: "policyController",
    args: ["-disable-tuf=true"],
    environment: {
      KUBECONFIG: test.kubeconfig,
      SYSTEM_NAMESPACE: namespace,
      CONFIG_LOGGING_NAME: "config-logging",
      CONFIG_OBSERVABILITY_NAME: "config-observability",
      CONFIG_LEADERELECTION_NAME: "config-leader-election",
      METRICS_DOMAIN: "sigstore.dev/policy",
      METRICS_PROMETHEUS_PORT: String(metrics),
      PROFILING_PORT: String(profiling),
      POD_NAME: "webhook-0",
      TUF_ROOT: join(test.directories.state, "policy-controller-tuf"),
    },
    ready: () => answers(test),
  });
}

function onLoopback(object: ClusterObject, trustRoots: Readonly<Record<string, string>>): ClusterObject {
  switch (object.kind) {
    case "Service":
      return { ...object, spec: { ports: [{ name: "https", port: webhookPort }] } };
    case "CustomResourceDefinition":
    case "ValidatingWebhookConfiguration":
    case "MutatingWebhookConfiguration":
      return JSON.parse(JSON.stringify(object), (key, value: unknown) =>
        key === "service" ? { ...(value as object), port: webhookPort } : value,
      ) as ClusterObject;
    case "ConfigMap": {
      if (object.metadata?.name !== "config-sigstore-keys") return object;
      return { ...object, data: trustRoots };
    }
    default:
      return object;
  }
}

/** Whether its webhooks have rules and certificates, and answer: a policy without authorities is asked about. */
async function answers({ cluster }: TestCluster): Promise<boolean> {
  for (const kind of ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]) {
    const found = await cluster.list({ apiVersion: "admissionregistration.k8s.io/v1", kind });
    const own = found.filter(({ metadata }) => /sigstore\.dev$/u.test(metadata?.name ?? ""));
    const webhooks = own.flatMap((one) => valueAt(one, "webhooks") as readonly unknown[]);
    const done = webhooks.every(
      (one) => valueAt(one, "rules") !== undefined && valueAt(one, "clientConfig", "caBundle") !== undefined,
    );
    if (webhooks.length !== 2 || !done) return false;
  }
  const faulty = {
    apiVersion: "policy.sigstore.dev/v1beta1",
    kind: "ClusterImagePolicy",
    metadata: { name: "faulty" },
    spec: { images: [{ glob: "**" }] },
  };
  const answer = await cluster.create(faulty, { dryRun: true }).catch((error: unknown) => error);
  return answer instanceof Failure && answer.message.includes("missing field(s): spec.authorities");
}
