import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { namespaceArgs } from "../../components/build-runners/arc-args.ts";
import { controllerValues, scaleSetValues } from "../../components/build-runners/arc-values.ts";
import { latestOutcomes } from "../../lab/stand-ins/journal.ts";
import { parseUrn } from "../../lab/stand-ins/wire/urn.ts";
import type { Cluster } from "../../src/adapters/cluster/cluster.ts";
import type { ClusterObject } from "../../src/adapters/cluster/object.ts";
import { startTestCluster } from "../support/cluster/test-cluster.ts";
import { makeRunners, runnersPins, runnersSettings } from "../support/build-runners.ts";
import { failureCodeOf } from "../support/failures.ts";
import { standInsBench } from "../support/stand-ins.ts";
import type { Bench } from "../support/stand-ins.ts";

let stop: () => Promise<void> = () => Promise.resolve();
let cluster: Cluster;
let bench: Bench;

before(async () => {
  const started = await startTestCluster();
  stop = started.stop;
  ({ cluster } = started);
  await cluster.waitReady(30_000);
  bench = await standInsBench({ kubernetes: { kind: "api-server", kubeconfig: started.kubeconfig } });
});

after(async () => {
  await bench.close();
  await stop();
});

const program = () => {
  makeRunners();
  return Promise.resolve({});
};

test("a real API server stores every object as it was planned, so that a second update changes nothing", async () => {
  await (await bench.stack(program)).up();
  const stored = [...latestOutcomes(bench.standIns.journal()).values()]
    .filter(({ outcome }) => outcome === "stored")
    .map(({ urn }) => parseUrn(urn)?.type.split(":").at(-1));
  const counts = Object.entries(Object.groupBy(stored, (kind) => String(kind)));
  assert.deepEqual(counts.map(([kind, all]) => `${kind} ${all?.length ?? 0}`).toSorted(), [
    "LimitRange 1",
    "Namespace 2",
    "NetworkPolicy 8",
    "ResourceQuota 1",
    "Secret 1",
    "ServiceAccount 1",
  ]);
  const again = await (await bench.stack(program)).up();
  assert.deepEqual(Object.keys(again.summary), ["same"]);
});

interface PodSpec {
  readonly containers: readonly Record<string, unknown>[];
}

/** Whether the namespace's Pod Security Standard lets the pod in. */
async function verdict(spec: object): Promise<string> {
  const pod: ClusterObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "pod", namespace: "restricted" },
    spec,
  };
  return failureCodeOf(cluster.serverSideApply(pod, { fieldManager: "test", dryRun: true }));
}

test("the pods of runners, listeners and controller pass the standard restricted; weaker ones don't", async () => {
  const { metadata } = namespaceArgs("restricted", "restricted");
  await cluster.serverSideApply(
    { apiVersion: "v1", kind: "Namespace", metadata: metadata as NonNullable<ClusterObject["metadata"]> },
    { fieldManager: "test" },
  );
  const account = { apiVersion: "v1", kind: "ServiceAccount" };
  for (const name of ["default", "arc-runner"]) {
    await cluster.serverSideApply(
      { ...account, metadata: { name, namespace: "restricted" } },
      { fieldManager: "test" },
    );
  }
  const { arc } = runnersSettings();
  assert.ok(arc !== undefined);
  const place = { url: "https://github.com/neko-org", group: "neko release", secret: "github-app-1" };
  const values = scaleSetValues(arc, arc.scaleSets[0]!, place, runnersPins()) as unknown as Record<
    "template" | "listenerTemplate",
    { readonly spec: PodSpec }
  >;
  const runner = values.template.spec;
  assert.equal(await verdict(runner), "accepted");
  // What ARC and the chart fill in: the listener's image, and the controller's container.
  const image = "ghcr.io/actions/gha-runner-scale-set-controller";
  const listener = values.listenerTemplate.spec;
  const listenerPod = { ...listener, containers: listener.containers.map((one) => ({ ...one, image })) };
  assert.equal(await verdict(listenerPod), "accepted");
  const { podSecurityContext, securityContext, resources } = controllerValues(arc, runnersPins());
  const manager = { name: "manager", image, securityContext, resources };
  assert.equal(await verdict({ securityContext: podSecurityContext, containers: [manager] }), "accepted");

  const [container] = runner.containers;
  for (const weaker of [
    { ...runner, hostNetwork: true },
    { ...runner, volumes: [{ name: "work", hostPath: { path: "/" } }] },
    { ...runner, containers: [{ ...container, securityContext: { allowPrivilegeEscalation: true } }] },
    { ...runner, securityContext: {}, containers: [{ ...container, securityContext: {} }] },
  ]) {
    assert.equal(await verdict(weaker), "CLUSTER_REFUSED", JSON.stringify(weaker));
  }
});
