import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startTestCluster } from "../support/cluster/test-cluster.ts";
import { children, made, secrets, settingsWith, splitSecrets } from "../support/key-broker-component.ts";
import { splitTrustee } from "../support/key-broker.ts";
import { kubernetesClient } from "../support/kubernetes.ts";
import type { KubernetesClient, KubernetesObject } from "../support/kubernetes.ts";
import { secretIn } from "../support/mocks.ts";
import type { RecordedResource } from "../support/mocks.ts";

/**
 * Every object of a broker, but those of the Gateway API (whose definitions are not here), judged by a real API server:
 * strict fields, values, and Pod Security "restricted", which warns about a Deployment or Job and refuses a pod.
 */
let stop: () => Promise<void> = () => Promise.resolve();
let cluster: KubernetesClient;

before(async () => {
  const started = await startTestCluster();
  stop = started.stop;
  cluster = kubernetesClient(started.kubeconfig);
});

after(() => stop());

/** As the provider would send it: secrets unwrapped. */
function objectOf({ inputs }: RecordedResource): KubernetesObject {
  const plain = Object.entries(inputs).map(([key, value]) => [key, secretIn(value) ?? value]);
  return Object.fromEntries(plain) as KubernetesObject;
}

function podOf(object: KubernetesObject): KubernetesObject {
  const { template } = Reflect.get(object, "spec") as { template: { spec: object } };
  const metadata = { name: `${object.metadata.name}-pod`, namespace: object.metadata.namespace ?? "" };
  return { ...template, apiVersion: "v1", kind: "Pod", metadata };
}

for (const [name, namespace, changes] of [
  ["built-in", "kbs-one", { secrets }],
  ["split", "kbs-several", { secrets: splitSecrets, trustee: splitTrustee }],
] as const) {
  test(`a real API server takes every object of a broker (${name}), without a warning`, async () => {
    const { secrets: given, ...settings } = changes;
    const mocks = await made({ settings: settingsWith({ ...settings, namespace }), secrets: given });
    const native = children(mocks).filter(({ type }) => !type.includes("gateway.networking.k8s.io"));
    assert.equal(native.length, 18);
    const namespaceFirst = native.toSorted(
      (a, b) => Number(b.type.endsWith(":Namespace")) - Number(a.type.endsWith(":Namespace")),
    );
    for (const resource of namespaceFirst) {
      const answer = await cluster.apply(objectOf(resource));
      assert.ok(answer.status < 300, `${resource.name}: ${answer.status} ${answer.message}`);
      // The samples' certificate is a text that is easy to find again.
      const sample = resource.name === "broker-tls" ? ["tls: failed to find any PEM data in certificate input"] : [];
      assert.deepEqual(answer.warnings, sample, resource.name);
    }
    for (const kind of ["Deployment", "Job"]) {
      const resource = native.find(({ type }) => type.endsWith(`:${kind}`)) ?? assert.fail();
      const answer = await cluster.create(podOf(objectOf(resource)), true);
      assert.ok(answer.status < 300, `${kind}: ${answer.status} ${answer.message}`);
    }
  });
}

test("in the broker's namespace, a pod that is not restricted is refused", async () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "other", namespace: "kbs-one" },
    spec: { containers: [{ name: "main", image: "ghcr.io/example/other" }] },
  };
  const answer = await cluster.create(pod, true);
  assert.equal(answer.status, 403);
  assert.match(answer.message, /violates PodSecurity "restricted/);
});
