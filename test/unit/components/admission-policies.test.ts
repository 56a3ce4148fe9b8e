import assert from "node:assert/strict";
import { test } from "node:test";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { UsableRelease } from "../../../src/core/release/verified-release.ts";
import { AdmissionPolicies } from "../../../components/admission-policies/component.ts";
import type { AdmissionPoliciesArgs } from "../../../components/admission-policies/component.ts";
import { admissionPoliciesSettingsSchema } from "../../../components/admission-policies/settings.ts";
import { Failure } from "../../../src/core/failure.ts";
import { policyDigest } from "../../../src/core/policy/policy-digest.ts";
import { PlannedRelease } from "../../../src/core/release/verified-release.ts";
import { casesNow, casesPolicy } from "../../support/admission.ts";
import { isKnown, secretIn, startMocks, unwrap } from "../../support/mocks.ts";
import { sampleDigest, sampleRepository } from "../../support/policies.ts";
import { sampleReleaseData, sampleVerifiedRelease } from "../../support/releases.ts";

const componentType = "neko-trust:admission:AdmissionPolicies";
const bindingType = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding";
/** The releases of these tests were verified under the policy of the cases. */
const ofCases = { policyDigest: policyDigest(casesPolicy()) };
const current = sampleVerifiedRelease(sampleDigest("a"), ofCases);

const settings = admissionPoliciesSettingsSchema.parse({
  name: "neko-trust-admission",
  namespace: "neko-trust",
  rollout: "warn",
  scope: { kind: "all-except", exempt: ["kube-system"] },
  perCluster: { production: { rollout: "enforce" } },
});

function make(changes: Partial<AdmissionPoliciesArgs> = {}): AdmissionPolicies {
  const provider = new kubernetes.Provider("cluster", { kubeconfig: pulumi.secret("the kubeconfig's token") });
  const args = {
    cluster: "staging",
    policy: casesPolicy(),
    settings,
    releases: [{ current }],
    now: casesNow,
    ...changes,
  };
  return new AdmissionPolicies("admission", args, { provider });
}

function failureOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return error.code;
  }
  return "no failure";
}

test("registers namespace, list, policies and bindings under itself, through its provider", async () => {
  const mocks = await startMocks();
  make();
  await mocks.settled();
  const children = mocks.resources.filter(({ parent }) => parent.endsWith(`${componentType}::admission`));
  assert.deepEqual(children.map(({ name }) => name).toSorted(), [
    "admission-cron-jobs",
    "admission-cron-jobs-binding",
    "admission-list",
    "admission-namespace",
    "admission-pods",
    "admission-pods-binding",
    "admission-templates",
    "admission-templates-binding",
  ]);
  for (const child of children)
    assert.match(child.provider, /pulumi:providers:kubernetes::cluster::cluster-id$/, child.name);
});

test("a binding is made after the list and the policies, and so destroyed before them", async () => {
  const mocks = await startMocks();
  make();
  await mocks.settled();
  for (const { dependencies } of mocks.resources.filter(({ type }) => type === bindingType)) {
    const names = dependencies.map((urn) => urn.split("::").at(-1)).toSorted();
    assert.deepEqual(names, ["admission-cron-jobs", "admission-list", "admission-pods", "admission-templates"]);
  }
});

test("outputs name what was made and the list's digest", async () => {
  const mocks = await startMocks();
  const component = make();
  const names = ["neko-trust-admission-pods", "neko-trust-admission-templates", "neko-trust-admission-cron-jobs"];
  assert.deepEqual(await unwrap(component.policyNames), names);
  assert.deepEqual(await unwrap(component.bindingNames), names);
  assert.equal(await unwrap(component.list), "neko-trust/neko-trust-admission-images");
  const listDigest = await unwrap(component.listDigest);
  await mocks.settled();
  const annotations: unknown = mocks.named("admission-list").inputs["metadata"];
  assert.ok(JSON.stringify(annotations).includes(listDigest));
  assert.ok(mocks.registeredOutputs.has(`${componentType}::admission`));
});

test("a cluster's own rollout wins over the stack's", async () => {
  for (const [cluster, actions] of [
    ["staging", ["Warn", "Audit"]],
    ["production", ["Deny", "Audit"]],
  ] as const) {
    const mocks = await startMocks();
    make({ cluster });
    await mocks.settled();
    const spec = mocks.named("admission-pods-binding").inputs["spec"];
    assert.deepEqual(spec && Reflect.get(spec, "validationActions"), actions);
  }
});

test("lists current, next, retained and running digests", async () => {
  const mocks = await startMocks();
  make({
    releases: [
      {
        current,
        next: sampleVerifiedRelease(sampleDigest("b"), ofCases),
        retained: [sampleVerifiedRelease(sampleDigest("c"), ofCases)],
        running: [sampleDigest("d")],
      },
    ],
  });
  await mocks.settled();
  const data = mocks.named("admission-list").inputs["data"];
  const own = Object.keys(data as Record<string, string>).filter((key) => key !== sampleDigest("e").replace(":", "-"));
  assert.deepEqual(
    own,
    ["a", "b", "c", "d"].map((digit) => sampleDigest(digit).replace(":", "-")),
  );
});

test("keeps plain data in its state: no secret, and no proof", async () => {
  const mocks = await startMocks();
  make();
  await mocks.settled();
  const provider = mocks.only("pulumi:providers:kubernetes");
  assert.equal(secretIn(provider.inputs["kubeconfig"]), "the kubeconfig's token");
  const others = JSON.stringify(mocks.resources.filter((resource) => resource !== provider));
  assert.ok(!others.includes("kubeconfig's token"));
  const { inputs } = mocks.only(componentType);
  const images = inputs["images"] as readonly string[];
  assert.ok(images.includes(`${sampleRepository}@${sampleDigest("a")}`));
  assert.deepEqual(Object.keys(inputs).toSorted(), [
    "cluster",
    "environment",
    "images",
    "listDigest",
    "namespace",
    "policy",
    "rollout",
    "scope",
  ]);
});

test("refuses a cast, a JSON copy, an Output and the data instead of the proof, and registers nothing", async () => {
  const fakes: unknown[] = [
    { data: sampleReleaseData(sampleDigest("a")) },
    JSON.parse(JSON.stringify(current)),
    structuredClone(sampleReleaseData(sampleDigest("a"))),
    Object.create(current) as unknown,
    pulumi.output(sampleReleaseData(sampleDigest("a"))),
    undefined,
  ];
  const mocks = await startMocks();
  for (const fake of fakes) {
    assert.equal(
      failureOf(() => make({ releases: [{ current: fake as UsableRelease }] })),
      "RELEASE_NOT_VERIFIED",
    );
    assert.equal(
      failureOf(() => make({ releases: [{ current, retained: [fake as UsableRelease] }] })),
      "RELEASE_NOT_VERIFIED",
    );
  }
  await mocks.settled();
  assert.deepEqual(
    mocks.resources.filter(({ type }) => type === componentType),
    [],
  );
});

test("takes a planned release in a preview and refuses it in an update", async () => {
  const planned = new PlannedRelease({
    repository: sampleRepository,
    digest: sampleDigest("a"),
    policyName: "neko-lab",
    policyDigest: ofCases.policyDigest,
    environment: "local",
  });
  await startMocks();
  assert.equal(
    failureOf(() => make({ releases: [{ current: planned }] })),
    "RELEASE_ONLY_PLANNED",
  );
  const mocks = await startMocks({ preview: true });
  make({ releases: [{ current: planned }] });
  await mocks.settled();
  assert.equal(mocks.named("admission-list").type, "kubernetes:core/v1:ConfigMap");
});

test("refuses a release of another policy, if only by one of its fields, or of another image", async () => {
  await startMocks();
  const changed = (changes: object) => sampleVerifiedRelease(sampleDigest("b"), { ...ofCases, ...changes });
  for (const changes of [{ policyDigest: sampleDigest("1") }]) {
    assert.equal(
      failureOf(() => make({ releases: [{ current: changed(changes) }] })),
      "RELEASE_OF_OTHER_POLICY",
    );
  }
  const other = { repository: "ghcr.io/other/image" };
  assert.equal(
    failureOf(() => make({ releases: [{ current, next: changed(other) }] })),
    "RELEASE_OF_OTHER_IMAGE",
  );
  assert.equal(
    failureOf(() => make({ releases: [{ current: changed(other) }] })),
    "RELEASE_IMAGE_UNKNOWN",
  );
});

test("refuses to use the default provider", async () => {
  await startMocks();
  const args = { cluster: "staging", policy: casesPolicy(), settings, releases: [{ current }], now: casesNow };
  const without = {} as { provider: kubernetes.Provider };
  assert.equal(
    failureOf(() => new AdmissionPolicies("admission", args, without)),
    "PROVIDER_REQUIRED",
  );
});

test("at preview the list's digest is known and what the cluster answers is not", async () => {
  await startMocks({ preview: true });
  const component = make();
  assert.equal(await isKnown(component.listDigest), true);
  assert.equal(await isKnown(component.policyNames), false);
  assert.equal(await isKnown(component.list), false);
});

test("settings refuse unknown keys, empty scopes and names that Kubernetes refuses", () => {
  const faults = (changes: object) =>
    admissionPoliciesSettingsSchema
      .safeParse({ ...settings, ...changes })
      .error?.issues.map((issue) => issue.path.join(".")) ?? [];
  assert.deepEqual(faults({}), []);
  assert.deepEqual(faults({ extra: 1 }), [""]);
  assert.deepEqual(faults({ name: "Upper" }), ["name"]);
  assert.deepEqual(faults({ rollout: "off" }), ["rollout"]);
  assert.deepEqual(faults({ scope: { kind: "only", namespaces: [] } }), ["scope.namespaces"]);
  assert.deepEqual(faults({ scope: { kind: "labelled", labels: {} } }), ["scope.labels"]);
  assert.deepEqual(faults({ scope: { kind: "everything" } }), ["scope.kind"]);
});
