import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { startControlPlane } from "../../lab/control-plane/start.ts";
import { latestOutcomes, markEnforced } from "../../lab/stand-ins/journal.ts";
import { parseUrn } from "../../lab/stand-ins/wire/urn.ts";
import { connectCluster } from "../../src/adapters/cluster/cluster.ts";
import type { Cluster } from "../../src/adapters/cluster/cluster.ts";
import type { ClusterObject } from "../../src/adapters/cluster/object.ts";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { Failure, reasonOf } from "../../src/core/failure.ts";
import type { OperationResult } from "../../src/engine/open-stack.ts";
import { standInsBench } from "../support/stand-ins.ts";
import type { Bench } from "../support/stand-ins.ts";

const hidden = "correct-horse-battery-staple";
const work = mkdtempSync(join(tmpdir(), "neko-trust-stand-ins-cluster-"));
let stop: () => Promise<void> = () => Promise.resolve();
let kubeconfig: string;
let cluster: Cluster;
let bench: Bench;

before(async () => {
  const checkout = fileURLToPath(new URL("../../", import.meta.url));
  const directories = { ...directoriesOf(checkout, process.env), state: join(work, "state"), run: join(work, "run") };
  const plane = await startControlPlane({ directories, environment: process.env, progress: console.error });
  ({ stop, kubeconfig } = plane);
  cluster = await connectCluster({ kubeconfig });
  await cluster.waitReady(30_000);
  bench = await standInsBench({ kubernetes: { kind: "api-server", kubeconfig } });
});

after(async () => {
  await bench.close();
  await stop();
  rmSync(work, { recursive: true, force: true });
});

interface Settings {
  readonly color?: string;
  readonly label?: string;
  readonly unknownField?: boolean;
}

const labels = { "neko-trust.test": "yes" };

function program({ color = "blue", label = "none", unknownField = false }: Settings = {}) {
  return () => {
    // A server that is not there: nothing but the stand-in's own kubeconfig is ever dialled.
    const provider = new kubernetes.Provider("cluster", { kubeconfig: "{}" });
    const namespace = new kubernetes.core.v1.Namespace("shop", { metadata: { name: "shop" } }, { provider });
    const inShop = (name: string) => ({ name, namespace: namespace.metadata.name, labels: { ...labels, label } });
    const colors = new kubernetes.core.v1.ConfigMap(
      "colors",
      { metadata: inShop("colors"), data: { color } },
      { provider },
    );
    new kubernetes.core.v1.Secret(
      "password",
      { metadata: inShop("password"), stringData: { password: pulumi.secret(hidden) } },
      { provider },
    );
    const definition = new kubernetes.apiextensions.v1.CustomResourceDefinition("cats", catDefinition, { provider });
    new kubernetes.apiextensions.CustomResource(
      "tom",
      {
        apiVersion: "neko-trust.test/v1",
        kind: "Cat",
        metadata: inShop("tom"),
        spec: { lives: 9, ...(unknownField ? { wings: 2 } : {}) },
      },
      { provider, dependsOn: [definition] },
    );
    return Promise.resolve({ uid: colors.metadata.uid });
  };
}

const catDefinition = {
  metadata: { name: "cats.neko-trust.test" },
  spec: {
    group: "neko-trust.test",
    names: { kind: "Cat", plural: "cats", singular: "cat", listKind: "CatList" },
    scope: "Namespaced",
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { spec: { type: "object", properties: { lives: { type: "integer" } } } },
          },
        },
      },
    ],
  },
};

const colorsReference = { apiVersion: "v1", kind: "ConfigMap", name: "colors", namespace: "shop" };

async function stored(
  kind: string,
  name: string,
  apiVersion = "v1",
  namespace: string | undefined = "shop",
): Promise<ClusterObject> {
  const found = await cluster.get({ apiVersion, kind, name, namespace });
  if (found.kind === "absent") return assert.fail(`${kind} ${name} is not on the API server`);
  return found.value;
}

async function up(settings?: Settings): Promise<OperationResult> {
  return await (await bench.stack(program(settings))).up();
}

function changed({ resources }: OperationResult): string[] {
  return resources.flatMap(({ urn, op }) => (op === "same" ? [] : [`${op} ${parseUrn(urn)?.name ?? ""}`])).sort();
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => assert.fail("it was not refused"),
    (error: unknown) => [reasonOf(error), ...(error instanceof Failure ? error.details : [])].join("\n"),
  );
}

test("plans without storing anything", async () => {
  const { summary } = await (await bench.stack(program())).preview();
  assert.equal(summary["create"], 7);
  assert.equal((await cluster.get({ apiVersion: "v1", kind: "Namespace", name: "shop" })).kind, "absent");
});

test("stores the objects on the API server, a definition before what it defines", async () => {
  const { outputs } = await up();
  assert.deepEqual((await stored("ConfigMap", "colors"))["data"], { color: "blue" });
  assert.deepEqual((await stored("Secret", "password"))["data"], { password: Buffer.from(hidden).toString("base64") });
  assert.deepEqual((await stored("Cat", "tom", "neko-trust.test/v1"))["spec"], { lives: 9 });
  const managers = (await stored("ConfigMap", "colors")).metadata?.["managedFields"] as {
    manager: string;
    operation: string;
  }[];
  assert.deepEqual(
    managers.map(({ manager, operation }) => [manager, operation]),
    [["neko-trust", "Apply"]],
  );
  assert.equal(outputs["uid"]?.value, (await stored("ConfigMap", "colors")).metadata?.["uid"]);
  const entries = [...latestOutcomes(bench.standIns.journal()).values()];
  assert.deepEqual([...new Set(entries.map(({ outcome }) => outcome))], ["stored"]);
  assert.ok(entries.some(({ where }) => where === `${cluster.server}/api/v1/namespaces/shop/configmaps/colors`));
});

test("keeps a Secret's value out of state and journal, in clear and in base64", async () => {
  for (const text of [bench.stateText(), await readFile(bench.journalFile, "utf8")]) {
    assert.ok(!text.includes(hidden));
    assert.ok(!text.includes(Buffer.from(hidden).toString("base64")));
  }
});

test("a second update changes nothing, and one of a value changes only that", async () => {
  assert.deepEqual(Object.keys((await up()).summary), ["same"]);
  const { uid } = (await stored("ConfigMap", "colors")).metadata ?? {};
  assert.deepEqual(changed(await up({ color: "green" })), ["update colors"]);
  assert.deepEqual((await stored("ConfigMap", "colors"))["data"], { color: "green" });
  assert.equal((await stored("ConfigMap", "colors")).metadata?.["uid"], uid);
});

test("a plan shows what the API server would refuse: an unknown field", async () => {
  const stack = await bench.stack(program({ color: "green", unknownField: true }));
  assert.match(
    await failureOf(stack.preview()),
    /unknown field "spec.wings"|spec\.wings: field not declared in schema/,
  );
  assert.deepEqual((await stored("ConfigMap", "colors"))["data"], { color: "green" });
});

test("refresh shows what another changed, and the next update puts it right", async () => {
  await cluster.serverSideApply(
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "colors", namespace: "shop" }, data: { color: "red" } },
    { fieldManager: "somebody-else", force: true },
  );
  const stack = await bench.stack(program({ color: "green" }));
  assert.deepEqual(changed(await stack.refresh()), ["update colors"]);
  // Whoever took the field over manages it now; putting it right takes an explicit word.
  assert.match(
    await failureOf(up({ color: "green" }).then((done) => assert.fail(JSON.stringify(done.summary)))),
    /conflict/i,
  );
  await cluster.delete(colorsReference);
  await cluster.waitGone(colorsReference, 5_000);
  assert.deepEqual(changed(await up({ color: "green" })), ["update colors"]);
  assert.deepEqual(Object.keys((await stack.refresh()).summary), ["same"]);
});

test("an object that was deleted behind its back is stored again by the next update", async () => {
  await cluster.delete(colorsReference);
  assert.deepEqual(changed(await up({ color: "green" })), ["update colors"]);
  assert.deepEqual((await stored("ConfigMap", "colors"))["data"], { color: "green" });
});

test("a read by id finds an object that another made", async () => {
  await cluster.create({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "found", namespace: "default" },
    data: { a: "b" },
  });
  const stack = await bench.stack(() => {
    const provider = new kubernetes.Provider("cluster", { kubeconfig: "{}" });
    const found = kubernetes.core.v1.ConfigMap.get("found", "default/found", { provider });
    return Promise.resolve({ data: found.data });
  });
  const { resources } = await stack.preview();
  assert.deepEqual(
    resources.flatMap(({ urn, op }) => (op === "read" ? [parseUrn(urn)?.name] : [])),
    ["found"],
  );
});

test("a policy's refusal is told as one, and the policy's entry can then be marked enforced", async () => {
  const policies = () => {
    const provider = new kubernetes.Provider("cluster", { kubeconfig: "{}" });
    const policy = new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
      "pinned",
      {
        metadata: { name: "pinned.neko-trust.test" },
        spec: {
          failurePolicy: "Fail",
          matchConstraints: {
            resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
          },
          validations: [
            { expression: "object.spec.containers.all(c, c.image.contains('@sha256:'))", message: "pin it" },
          ],
        },
      },
      { provider },
    );
    new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
      "pinned-binding",
      {
        metadata: { name: "pinned.neko-trust.test" },
        spec: { policyName: policy.metadata.name, validationActions: ["Deny"] },
      },
      { provider },
    );
    return Promise.resolve({});
  };
  const enforcing = await standInsBench({ kubernetes: { kind: "api-server", kubeconfig } });
  try {
    const stack = await enforcing.stack(policies);
    const { resources } = await stack.up();
    const refusal = await refusalOfPod();
    assert.equal(refusal.code, "CLUSTER_REFUSED");
    assert.match(refusal.message, /pin it/);
    const { urn } = resources.find((one) => one.type.endsWith(":ValidatingAdmissionPolicy")) ?? assert.fail();
    markEnforced(enforcing.journalFile, urn, refusal.message);
    const again = await stack.up();
    assert.deepEqual(Object.keys(again.summary), ["same"]);
    assert.equal(latestOutcomes(enforcing.standIns.journal()).get(urn)?.outcome, "enforced");
    await stack.destroy();
  } finally {
    await enforcing.close();
  }
});

/** New policies take a moment to act. */
async function refusalOfPod(): Promise<Failure> {
  const pod = {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "unpinned", namespace: "default" } },
    spec: { containers: [{ name: "main", image: "busybox" }] },
  };
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    const answer = await cluster.create(pod, { dryRun: true }).catch((error: unknown) => error);
    if (answer instanceof Failure) return answer;
    await sleep(200);
  }
  return assert.fail("the pod was still admitted after 30 s");
}

test("what was rendered to files in one run is stored in the next one that has an API server", async () => {
  const other = await standInsBench();
  try {
    const map = () => {
      const provider = new kubernetes.Provider("cluster", { kubeconfig: "{}" });
      new kubernetes.core.v1.ConfigMap(
        "moved",
        { metadata: { name: "moved", namespace: "default" }, data: { a: "b" } },
        { provider },
      );
      return Promise.resolve({});
    };
    await (await other.stack(map)).up();
    assert.equal((await other.renderedFiles()).length, 1);
    await other.restart("local", { kind: "api-server", kubeconfig });
    assert.deepEqual(changed(await (await other.stack(map)).up()), ["update moved"]);
    assert.deepEqual((await stored("ConfigMap", "moved", "v1", "default"))["data"], { a: "b" });
    assert.deepEqual(Object.keys((await (await other.stack(map)).up()).summary), ["same"]);
    await (await other.stack(map)).destroy();
  } finally {
    await other.close();
  }
});

test("destroys everything, the namespace too, so that it can be made again", async () => {
  await (await bench.stack(program())).destroy();
  assert.equal((await cluster.get({ apiVersion: "v1", kind: "Namespace", name: "shop" })).kind, "absent");
  assert.equal(
    (await cluster.get({ apiVersion: "neko-trust.test/v1", kind: "Cat", name: "tom", namespace: "shop" })).kind,
    "absent",
  );
  assert.equal((await up()).summary["create"], 7);
  await cluster.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "left-over", namespace: "shop" } });
  await (await bench.stack(program())).destroy();
  await up();
  assert.equal((await cluster.get({ ...colorsReference, name: "left-over" })).kind, "absent");
  await (await bench.stack(program())).destroy();
});
