import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { compile } from "../../src/core/compile/validating-admission-policy/compile.ts";
import type { AdmissionBaseline, Placement } from "../../src/core/compile/validating-admission-policy/compile.ts";
import { startTestCluster } from "../support/cluster/test-cluster.ts";
import { admissionCases, casesNow, casesPlacement, casesPolicy, casesReleases } from "../support/admission.ts";
import { kubernetesClient } from "../support/kubernetes.ts";
import type { KubernetesAnswer, KubernetesClient, KubernetesObject } from "../support/kubernetes.ts";
import { sampleDigest, sampleRepository } from "../support/policies.ts";

const listed = `${sampleRepository}@${sampleDigest("a")}`;
const unlisted = `${sampleRepository}@${sampleDigest("1")}`;
let stop: () => Promise<void> = () => Promise.resolve();
let cluster: KubernetesClient;
const baseline = compile(casesPolicy(), casesReleases, casesNow, casesPlacement);

before(async () => {
  const started = await startTestCluster();
  stop = started.stop;
  cluster = kubernetesClient(started.kubeconfig);
  for (const name of ["shop", "other", "warned"]) ok(await cluster.apply(namespace(name)));
  await putInPlace(baseline);
});

after(() => stop());

function namespace(name: string): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

function pod(name: string, image: string, inNamespace = "shop") {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: inNamespace },
    spec: { containers: [{ name: "main", image }] },
  };
}

function objectsOf(compiled: AdmissionBaseline): KubernetesObject[] {
  return [compiled.namespace, compiled.parameters, ...compiled.policies, ...compiled.bindings];
}

function ok(answer: KubernetesAnswer): void {
  assert.ok(answer.status >= 200 && answer.status < 300, `${answer.status}: ${answer.message}`);
}

/** Refused by the baseline, for the reason given. */
function denied(answer: KubernetesAnswer, because: string, what = ""): void {
  assert.equal(answer.status, 403, `${what} ${answer.status} ${answer.message}`);
  assert.ok(answer.message.includes("ValidatingAdmissionPolicy 'neko-trust-admission-"), answer.message);
  assert.ok(answer.message.includes(because), `${what}: expected "${because}" in "${answer.message}"`);
}

/** The API server takes up to some seconds to see new policies and lists: asks until the answer is the expected one. */
async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `still not after 20 s: ${what}`);
    await sleep(100);
  }
}

const refuses = async (object: KubernetesObject, because: string): Promise<boolean> =>
  (await cluster.create(object, true)).message.includes(because);
const admits = async (object: KubernetesObject): Promise<boolean> =>
  (await cluster.create(object, true)).status === 201;

async function putInPlace(compiled: AdmissionBaseline): Promise<void> {
  for (const object of objectsOf(compiled)) ok(await cluster.apply(object));
  const template = (image: string, kind: string) => ({
    apiVersion: "batch/v1",
    kind,
    metadata: { name: "probe", namespace: "shop" },
    spec:
      kind === "Job"
        ? { template: { spec: { ...pod("probe", image).spec, restartPolicy: "Never" } } }
        : {
            schedule: "0 0 * * *",
            jobTemplate: { spec: { template: { spec: { ...pod("probe", image).spec, restartPolicy: "Never" } } } },
          },
  });
  for (const object of [pod("probe", unlisted), template(unlisted, "Job"), template(unlisted, "CronJob")]) {
    await until(() => refuses(object, "Not in the list"), `${object.kind} of an unlisted image is refused`);
  }
  await until(() => admits(pod("probe", listed)), "a listed image is admitted");
}

test("the compiled objects pass strict validation, and a second apply changes nothing", async () => {
  for (const object of objectsOf(baseline)) {
    const [first, second] = [await cluster.apply(object), await cluster.apply(object)];
    ok(first);
    assert.deepEqual(second.warnings, []);
    assert.deepEqual(second.body, first.body);
  }
});

for (const { name, object, refusedWith } of admissionCases()) {
  test(`${refusedWith === undefined ? "admits" : "refuses"} ${name}`, async () => {
    const answer = await cluster.create(object);
    if (refusedWith === undefined) ok(answer);
    else denied(answer, refusedWith, name);
  });
}

test("judges an ephemeral container that is put into a running pod", async () => {
  const running = pod("debugged", listed);
  ok(await cluster.create(running));
  const debug = (name: string, image: string) =>
    cluster.patch(running, "/ephemeralcontainers", { spec: { ephemeralContainers: [{ name, image }] } });
  denied(await debug("shell", "docker.io/library/busybox:1"), 'Not pinned by digest: "docker.io/library/busybox:1"');
  denied(await debug("shell", unlisted), `Not in the list of verified images for namespace shop: "${unlisted}"`);
  ok(await debug("shell", listed));
});

test("refuses another image in a running pod", async () => {
  const running = pod("swapped", listed);
  ok(await cluster.create(running));
  const swap = (image: string) => cluster.patch(running, "", { spec: { containers: [{ name: "main", image }] } });
  denied(await swap(unlisted), `"${unlisted}"`);
  ok(await swap(`${sampleRepository}@${sampleDigest("b")}`));
});

test("an image with a line break is refused with the static message", async () => {
  denied(
    await cluster.create(pod("broken-line", `${listed}\nx`)),
    "An image is not pinned by digest. Write each image as",
  );
});

test("what left the list can still be labelled, finished and scaled down, but not made anew", async () => {
  const retained = `${sampleRepository}@${sampleDigest("c")}`;
  const old = pod("old", retained);
  const labels = { app: "old" };
  const replicaSet = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "old", namespace: "shop" },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: old.spec } },
  };
  ok(await cluster.create(old));
  ok(await cluster.create(replicaSet));
  const shrunk = compile(
    casesPolicy(),
    casesReleases.map((release) => ({ ...release, retained: [] })),
    casesNow,
    casesPlacement,
  );
  ok(await cluster.apply(shrunk.parameters));
  await until(() => refuses(pod("new", retained), `"${retained}"`), "the shrunk list is in effect");
  ok(await cluster.patch(old, "", { metadata: { labels: { seen: "yes" }, finalizers: ["example.org/hold"] } }));
  ok(await cluster.patch(old, "", { metadata: { finalizers: null } }));
  ok(await cluster.patch(replicaSet, "", { spec: { replicas: 0 }, metadata: { annotations: { revision: "2" } } }));
  denied(
    await cluster.patch(replicaSet, "", {
      spec: { template: { spec: { containers: [{ name: "more", image: retained }] } } },
    }),
    `"${retained}"`,
  );
  ok(await cluster.apply(baseline.parameters));
  await until(() => admits(pod("new", retained)), "the full list is in effect again");
});

test("refuses everything while the list is missing", async () => {
  ok(await cluster.remove(baseline.parameters));
  const because = "no params found for policy binding with `Deny` parameterNotFoundAction";
  await until(() => refuses(pod("without-list", listed), because), "the missing list is noticed");
  const answer = await cluster.create(pod("without-list", listed));
  assert.deepEqual([answer.status, answer.message.includes(because)], [422, true], answer.message);
  ok(await cluster.apply(baseline.parameters));
  await until(() => admits(pod("without-list", listed)), "the list is in effect again");
});

test("a list of a thousand releases judges a pod of two hundred images within the cost limits", async () => {
  const hex = (index: number): `sha256:${string}` => `sha256:${index.toString(16).padStart(64, "0")}`;
  const large = compile(
    casesPolicy(),
    casesReleases.map((release) => ({ ...release, running: Array.from({ length: 1000 }, (_, index) => hex(index)) })),
    casesNow,
    casesPlacement,
  );
  ok(await cluster.apply(large.parameters));
  const crowded = (last: string) => ({
    ...pod("crowded", listed),
    spec: {
      containers: Array.from({ length: 200 }, (_, index) => ({
        name: `c${index}`,
        image: index === 199 ? last : `${sampleRepository}@${hex(index)}`,
      })),
    },
  });
  await until(() => admits(crowded(listed)), "the long list is in effect");
  denied(await cluster.create(crowded(unlisted)), `"${unlisted}"`);
  ok(await cluster.apply(baseline.parameters));
});

test("in rollout warn the baseline reports and admits, also without its list", async () => {
  const placement: Placement = {
    name: "neko-trust-warned",
    namespace: "neko-trust-warned",
    rollout: "warn",
    scope: { kind: "only", namespaces: ["warned"] },
  };
  // The enforcing baseline must leave the namespace alone, or it would refuse first.
  const scope = { kind: "all-except", exempt: ["kube-system", "warned"] } as const;
  await putInPlace(compile(casesPolicy(), casesReleases, casesNow, { ...casesPlacement, scope }));
  const warned = compile(casesPolicy(), casesReleases, casesNow, placement);
  for (const object of objectsOf(warned)) ok(await cluster.apply(object));
  const tag = pod("tag", `${sampleRepository}:v1.0.0`, "warned");
  const warns = async () => (await cluster.create(tag, true)).warnings;
  await until(async () => (await warns()).length > 0, "the policy that warns is in effect");
  const answer = await cluster.create(tag);
  ok(answer);
  assert.match(answer.warnings.join("\n"), /Not pinned by digest: \\?"127\.0\.0\.1:5001\/neko\/base:v1\.0\.0\\?"/);
  ok(await cluster.remove(warned.parameters));
  await until(async () => (await warns()).length === 0, "the missing list is noticed");
  ok(await cluster.create(pod("tag-again", `${sampleRepository}:v1.0.0`, "warned")));
});
