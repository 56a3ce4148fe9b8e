import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { chartNames, renderedChart, unpinnedImages } from "../support/cluster/charts.ts";
import type { ChartRelease } from "../support/cluster/charts.ts";
import { neededDefinitions } from "../support/cluster/definitions.ts";
import { judgeObjects } from "../support/cluster/judge-objects.ts";
import type { Judged } from "../support/cluster/judge-objects.ts";
import { completed } from "../support/cluster/known-values.ts";
import { objectsIn } from "../support/cluster/manifests.ts";
import { startKyverno } from "../support/cluster/kyverno.ts";
import { planOf } from "../support/cluster/stack-plan.ts";
import type { PlannedResource } from "../support/cluster/stack-plan.ts";
import { startPolicyController } from "../support/cluster/policy-controller.ts";
import { endings, startTestCluster } from "../support/cluster/test-cluster.ts";
import type { TestCluster } from "../support/cluster/test-cluster.ts";
import { withStack } from "../../lab/provision.ts";
import { latestOutcomes } from "../../lab/stand-ins/journal.ts";
import { isObject, objectOf } from "../../lab/stand-ins/kubernetes/identity.ts";
import { finishNamespace } from "../../lab/stand-ins/kubernetes/namespaces.ts";
import { at, isMap, textAt, unknownValue } from "../../lab/stand-ins/wire/values.ts";
import type { Value } from "../../lab/stand-ins/wire/values.ts";
import { referenceOf } from "../../src/adapters/cluster/cluster.ts";
import type { ClusterObject } from "../../src/adapters/cluster/object.ts";
import { engineReleaseArgs, enginePins } from "../../components/admission-policies/charts.ts";
import { pinsSchema, unresolved } from "../../src/core/pins/pins.ts";
import type { Pins } from "../../src/core/pins/pins.ts";
import { stackNames } from "../../src/config/read-config.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import { startProgramLab } from "../support/program-lab.ts";

/** Kinds whose definition can't be had here, each with the reason: `apiVersion kind`. Anything else must be served. */
const notCovered: Readonly<Record<string, string>> = {};

/** Values that only an `up` knows and that are no text, by `Kind path`. */
const typedValues: Readonly<Record<string, Value>> = {
  // With one secret in it that only an update knows, the whole of it is one. The keys are those that a TLS Secret must have.
  "Secret stringData": { "tls.crt": "known-after-up", "tls.key": "known-after-up" },
};

/** Charts that lie in no Go module: helm would have to fetch them, which a test does not. */
const chartsNotCovered: Readonly<Record<string, string>> = {
  "policy-controller": "it lies in sigstore/helm-charts, which is no Go module",
  "gha-runner-scale-set-controller": "its module github.com/actions/actions-runner-controller is not on the proxy",
  "gha-runner-scale-set": "its module github.com/actions/actions-runner-controller is not on the proxy",
};

const releaseType = "kubernetes:helm.sh/v3:Release";
let testCluster: TestCluster;
const started = endings();

before(async () => {
  testCluster = await startTestCluster();
  started.add(testCluster.stop);
  // The engines judge the objects of their own kinds, which a schema alone can't.
  const policyController = await startPolicyController(testCluster, {});
  started.add(policyController.stop);
  const kyverno = await startKyverno(testCluster);
  started.add(kyverno.stop);
});

after(started.run);

for (const stack of stackNames(checkout)) {
  test(`every Kubernetes object of stack ${stack} passes a real API server`, async (t) => {
    const plan = await planOf(stack);
    const objects = plan.filter(({ inputs }) => isObject(inputs)).map((resource) => objectFrom(t, resource));
    t.diagnostic(`stack ${stack}: ${objects.length} objects`);
    const releases = plan.filter(({ type }) => type === releaseType);
    for (const { type, name, inputs } of plan) {
      assert.ok(isObject(inputs) || type === releaseType, `${name} (${type}) is neither an object nor a Helm release`);
    }
    await testCluster.install(await neededDefinitions(objects));
    assertPassed(t, await judgeObjects(testCluster.cluster, objects), objects.length);
    for (const resource of releases) assertPinned(await chartPasses(t, releaseFrom(resource)));
  });
}

test("stack local is really applied, a second up changes nothing, and destroy leaves nothing", async () => {
  const { cluster, kubeconfig } = testCluster;
  const planned = (await planOf("local")).filter(({ inputs }) => isObject(inputs));
  // A namespace that an earlier test made bare would be taken for the stack's own.
  for (const { inputs } of planned) {
    const { kind, metadata } = objectOf(inputs);
    if (kind === "Namespace") await removeNamespace(metadata?.name ?? "");
  }
  const lab = await startProgramLab();
  try {
    const request = { stack: "local", mode: "local", kubernetes: { kind: "api-server", kubeconfig } } as const;
    await withStack(lab.context, request, async ({ handle, standIns }) => {
      await handle.up();
      const outcomes = [...latestOutcomes(standIns.journal()).values()].filter(({ type }) =>
        type.startsWith("kubernetes:"),
      );
      assert.deepEqual(
        outcomes.filter(({ type, outcome }) => type !== releaseType && outcome !== "stored"),
        [],
      );
      assert.equal(outcomes.filter(({ outcome }) => outcome === "stored").length, planned.length);
      assert.deepEqual(Object.keys((await handle.up()).summary), ["same"]);
      await handle.destroy();
    });
  } finally {
    await lab.close();
  }
  for (const { name, inputs } of planned) {
    assert.equal((await cluster.get(referenceOf(objectOf(inputs)))).kind, "absent", `${name} is still there`);
  }
});

for (const path of generatedPolicies()) {
  test(`${path} passes a real API server`, async (t) => {
    const objects = objectsIn(join(checkout, path));
    await testCluster.install(await neededDefinitions(objects));
    assertPassed(t, await judgeObjects(testCluster.cluster, objects), objects.length);
  });
}

test("what is wrong with an object, or not served at all, is told", async () => {
  const object = (apiVersion: string, kind: string, more: object): ClusterObject => ({
    ...{ apiVersion, kind, metadata: { name: "judged", namespace: "default" } },
    ...more,
  });
  const { passed, refused, unserved } = await judgeObjects(testCluster.cluster, [
    object("v1", "ConfigMap", { data: { a: "b" } }),
    object("v1", "ConfigMap", { data: { a: "b" }, colour: "blue" }),
    object("v1", "Service", { spec: { ports: [{ port: "many" }] } }),
    object("policies.kyverno.io/v1", "ImageValidatingPolicy", { spec: { wings: 2 } }),
    object("example.com/v1", "Cat", {}),
  ]);
  assert.deepEqual(passed, ["ConfigMap default/judged"]);
  assert.deepEqual(
    [/colour/u, /Service default\/judged/u, /wings|attestors|validations/u].map((fault, index) =>
      fault.test(refused[index] ?? ""),
    ),
    [true, true, true],
    refused.join("\n"),
  );
  assert.deepEqual([...unserved], ["example.com/v1 Cat"]);
});

test("a value that only an up knows is judged as a text, or as what its place takes", () => {
  const unknown = { metadata: { name: unknownValue }, kind: "Service", spec: { ports: [{ port: unknownValue }] } };
  assert.deepEqual(completed(unknown, { "Service spec.ports.*.port": 443 }), {
    object: { metadata: { name: "known-after-up" }, kind: "Service", spec: { ports: [{ port: 443 }] } },
    filled: ["metadata.name", "spec.ports.*.port"],
  });
});

for (const engine of ["kyverno", "gatekeeper"] as const) {
  test(`${engine}, as AdmissionPolicies installs it, runs pinned images only and passes a real API server`, async (t) => {
    const scope = { kind: "all-except", exempt: ["kube-system"] } as const;
    const settings = { install: true, namespace: `${engine}-installed` };
    const placement = { scope, rollout: "enforce" } as const;
    const { chart, version, name, namespace, values } = engineReleaseArgs(engine, settings, {
      pins: pins(),
      ...placement,
    });
    const release = { chart, version, name, namespace, values } as ChartRelease;
    assertPinned(await chartPasses(t, release));
  });
}

test("an image that nobody pinned is found", () => {
  const pod = (image: string) => ({ apiVersion: "v1", kind: "Pod", spec: { containers: [{ name: "main", image }] } });
  const digest = `sha256:${"7".repeat(64)}`;
  const images = ["curl:8", `ghcr.io/a/b:v1@${digest}`, "ghcr.io/a/b:v1-unresolved", `ghcr.io/a/b@${digest}0`];
  assert.deepEqual(unpinnedImages(images.map(pod)), ["curl:8", `ghcr.io/a/b@${digest}0`]);
});

for (const chart of chartNames) {
  test(`what chart ${chart} renders by default passes a real API server`, async (t) => {
    await chartPasses(t, { chart, name: chart, namespace: `${chart}-by-default`, values: {} });
  });
}

/** Pins of both engines: made up images, and the charts in the versions that their modules have. */
function pins(): Pins {
  const image = (name: string) => {
    return { name, repository: `pinned.example/${name}`, version: "v9.9.9", digest: `sha256:${"7".repeat(64)}` };
  };
  const chart = (name: string, version: string) => {
    return { name, repository: `https://pinned.example/${name}`, chart: name, version, digest: unresolved };
  };
  return pinsSchema.parse({
    schema: 1,
    images: [...enginePins.kyverno.images, ...enginePins.gatekeeper.images].map(image),
    charts: [chart("kyverno", "3.9.1"), chart("gatekeeper", "3.23.1")],
    actions: [],
    plugins: [],
  });
}

async function removeNamespace(name: string): Promise<void> {
  if ((await testCluster.cluster.delete({ apiVersion: "v1", kind: "Namespace", name })) === "absent") return;
  await finishNamespace(testCluster.cluster, name);
}

/** What `make generate` writes for people without Pulumi. */
function generatedPolicies(): string[] {
  const folder = "policy/cluster";
  if (!existsSync(join(checkout, folder))) return [];
  const files = readdirSync(join(checkout, folder), { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => `${folder}/${name}`);
}

function objectFrom(t: TestContext, { name, inputs }: PlannedResource): ClusterObject {
  const { object, filled } = completed(inputs, typedValues);
  if (filled.length > 0)
    t.diagnostic(`${name}: known after up only, a stand-in value was judged: ${filled.join(", ")}`);
  return objectOf(object);
}

function releaseFrom({ name, inputs }: PlannedResource): ChartRelease {
  const chart = textAt(inputs, "chart");
  const values = at(completed(inputs, typedValues).object, "values");
  const version = textAt(inputs, "version");
  assert.ok(chart !== undefined, `${name} names no chart`);
  return {
    // A chart out of an OCI registry is named by its reference.
    chart: chart.split("/").at(-1) ?? chart,
    ...(version === undefined ? {} : { version }),
    name: textAt(inputs, "name") ?? name,
    namespace: textAt(inputs, "namespace") ?? "default",
    values: values !== undefined && isMap(values) ? values : {},
  };
}

/** The rendered objects; none of a chart that is not covered. */
async function chartPasses(t: TestContext, release: ChartRelease): Promise<readonly ClusterObject[]> {
  const rendered = await renderedChart(release);
  if (rendered === undefined) {
    const reason = chartsNotCovered[release.chart];
    assert.ok(reason !== undefined, `chart ${release.chart} lies in no known module and is not listed as not covered`);
    t.diagnostic(`not covered: chart ${release.chart}: ${reason}`);
    return [];
  }
  t.diagnostic(`chart ${release.chart} ${rendered.version} as ${release.name}: ${rendered.objects.length} objects`);
  for (const name of rendered.left) t.diagnostic(`not covered: its dependency ${name} is not in the module`);
  const judged = await judgeObjects(testCluster.cluster, rendered.objects, release.namespace);
  assertPassed(t, judged, rendered.objects.length);
  return rendered.objects;
}

/** A value under a key that the chart doesn't read leaves an image as the chart has it. */
function assertPinned(objects: readonly ClusterObject[]): void {
  assert.deepEqual(unpinnedImages(objects), []);
}

function assertPassed(t: TestContext, { passed, refused, unserved }: Judged, count: number): void {
  for (const kind of unserved) {
    const reason = notCovered[kind];
    assert.ok(reason !== undefined, `the API server serves no ${kind}: install its definition, or say why not`);
    t.diagnostic(`not covered: ${kind}: ${reason}`);
  }
  assert.deepEqual(refused, []);
  assert.ok(passed.length > 0 || count === 0);
}
