import { join } from "node:path";
import { freePort } from "../../../lab/processes/ports.ts";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { startEngine } from "./engine-process.ts";
import type { RunningEngine } from "./engine-process.ts";
import { objectsIn } from "./manifests.ts";
import { folderOf } from "./modules.ts";
import type { TestCluster } from "./test-cluster.ts";

const namespace = "kyverno";
const definitionFolders = ["kyverno", "policies.kyverno.io", "policyreport", "reports"] as const;

/** The definitions of its kinds. */
async function kyvernoDefinitions(): Promise<ClusterObject[]> {
  const { folder } = await folderOf("kyverno");
  return definitionFolders.flatMap((name) => objectsIn(join(folder, "config", "crds", name)));
}

/**
 * Kyverno's admission controller as a process: with `--serverIP` it writes webhook configurations with a URL, and makes
 * their certificate itself.
 */
export async function startKyverno(test: TestCluster): Promise<RunningEngine> {
  const configMap = (name: string): ClusterObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
  });
  await test.install([
    ...(await kyvernoDefinitions()),
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    configMap("kyverno"),
    configMap("kyverno-metrics"),
  ]);
  const port = await freePort();
  const account = (name: string): string => `system:serviceaccount:${namespace}:kyverno-${name}-controller`;
  return startEngine(test, {
    tool: "kyverno",
    args: [
      `--kubeconfig=${test.kubeconfig}`,
      `--serverIP=127.0.0.1:${port}`,
      "--webhookServerHost=127.0.0.1",
      `--webhookServerPort=${port}`,
      "--caSecretName=kyverno-ca",
      "--tlsSecretName=kyverno-tls",
      "--metricsCASecretName=kyverno-metrics-ca",
      "--metricsTLSSecretName=kyverno-metrics-tls",
      `--backgroundServiceAccountName=${account("background")}`,
      `--reportsServiceAccountName=${account("reports")}`,
      "--disableMetrics=true",
      "--controllerRuntimeMetricsAddress=0",
      "--allowInsecureRegistry=true",
      // Each verdict is asked for anew.
      "--imageVerifyCacheEnabled=false",
      "--disableLogColor",
    ],
    environment: {
      KYVERNO_NAMESPACE: namespace,
      KYVERNO_SERVICEACCOUNT_NAME: "kyverno-admission-controller",
      KYVERNO_DEPLOYMENT: "kyverno-admission-controller",
      KYVERNO_POD_NAME: "kyverno-0",
      POD_NAME: "kyverno-0",
      INIT_CONFIG: "kyverno",
      METRICS_CONFIG: "kyverno-metrics",
      KYVERNO_SVC: "kyverno-svc",
      TUF_ROOT: join(test.directories.state, "kyverno-tuf"),
    },
    ready: () => answers(test),
  });
}

/** Whether it judges policies: the webhooks of its own kinds come first, and then refuse one that can't be compiled. */
async function answers({ cluster }: TestCluster): Promise<boolean> {
  const faulty = {
    apiVersion: "policies.kyverno.io/v1",
    kind: "ImageValidatingPolicy",
    metadata: { name: "faulty" },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
      },
      matchImageReferences: [{ glob: "*" }],
      attestors: [{ name: "release", cosign: { key: { data: "no key" } } }],
      validations: [{ expression: "nonsense(" }],
    },
  };
  const answer = await cluster.create(faulty, { dryRun: true }).catch((error: unknown) => error);
  return answer instanceof Error && /Syntax error|nonsense/u.test(answer.message);
}
