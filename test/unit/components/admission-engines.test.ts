import assert from "node:assert/strict";
import { test } from "node:test";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { enginePins } from "../../../components/admission-policies/charts.ts";
import { AdmissionPolicies } from "../../../components/admission-policies/component.ts";
import type { AdmissionPoliciesArgs } from "../../../components/admission-policies/component.ts";
import { admissionPoliciesSettingsSchema } from "../../../components/admission-policies/settings.ts";
import { policyDigest } from "../../../src/core/policy/policy-digest.ts";
import { pinsSchema } from "../../../src/core/pins/pins.ts";
import { casesNow } from "../../support/admission.ts";
import { enginePolicy, publicGoodRoot } from "../../support/engine-roots.ts";
import { codeThrown } from "../../support/failures.ts";
import { startMocks, unwrap } from "../../support/mocks.ts";
import { sampleDigest } from "../../support/policies.ts";
import { sampleVerifiedRelease } from "../../support/releases.ts";

const release = "kubernetes:helm.sh/v3:Release";
const current = sampleVerifiedRelease(sampleDigest("a"), { policyDigest: policyDigest(enginePolicy()) });
const digest = sampleDigest("9");

const pins = pinsSchema.parse({
  schema: 1,
  images: Object.values(enginePins).flatMap(({ images }) =>
    images.map((name) => ({ name, repository: `registry.example/${name}`, version: "v1.2.3", digest })),
  ),
  charts: [
    { name: "kyverno", repository: "https://kyverno.github.io/kyverno/", chart: "kyverno", version: "3.9.1", digest },
    {
      name: "policy-controller",
      repository: "oci://ghcr.io/sigstore/helm-charts/policy-controller",
      version: "0.10.6",
      digest: "unresolved",
    },
    {
      name: "gatekeeper",
      repository: "https://open-policy-agent.github.io/gatekeeper/charts",
      chart: "gatekeeper",
      version: "3.23.1",
      digest,
    },
  ],
  actions: [],
  plugins: [],
});

const engines = {
  sigstore: "public-good",
  kyverno: { install: true, namespace: "kyverno" },
  policyController: { install: true, namespace: "cosign-system", rollout: "warn" },
  gatekeeper: { install: false, namespace: "gatekeeper-system" },
};
const plain = {
  name: "neko-trust-admission",
  namespace: "neko-trust",
  rollout: "enforce",
  scope: { kind: "all-except", exempt: ["kube-system", "kyverno", "cosign-system"] },
};
const settingsWith = (changes: Readonly<Record<string, unknown>>) =>
  admissionPoliciesSettingsSchema.parse({ ...plain, engines, ...changes });
const settings = settingsWith({});
const exempting = (more: string) => ({ ...plain.scope, exempt: [...plain.scope.exempt, more] });

function make(changes: Partial<AdmissionPoliciesArgs> = {}): AdmissionPolicies {
  const provider = new kubernetes.Provider("cluster", { kubeconfig: pulumi.secret("the kubeconfig's token") });
  const args = {
    cluster: "europe",
    policy: enginePolicy(),
    settings,
    releases: [{ current }],
    now: casesNow,
    trustedRoot: publicGoodRoot,
    pins,
    ...changes,
  };
  return new AdmissionPolicies("admission", args, { provider });
}

const codeOf = (changes: Partial<AdmissionPoliciesArgs>) => codeThrown(() => make(changes), "none");

test("registers each engine's namespace, release and policies under itself, besides the baseline", async () => {
  const mocks = await startMocks();
  const component = make();
  await mocks.settled();
  const own = mocks.resources
    .filter(({ parent, name }) => parent.endsWith("::admission") && /kyverno|policy-controller|gatekeeper/.test(name))
    .map(({ name, type }) => `${type.split(":").at(-1) ?? ""} ${name}`);
  assert.deepEqual(own.toSorted(), [
    "ClusterImagePolicy admission-policy-controller-manifest-6c28eb6f64",
    "ClusterImagePolicy admission-policy-controller-revoked",
    "ClusterImagePolicy admission-policy-controller-signature",
    "ClusterImagePolicy admission-policy-controller-third-party",
    "ConstraintTemplate admission-gatekeeper-template",
    "ImageValidatingPolicy admission-kyverno-policy",
    "Namespace admission-kyverno-namespace",
    "Namespace admission-policy-controller-namespace",
    "NekoTrustImages admission-gatekeeper-constraint",
    "Release admission-kyverno",
    "Release admission-policy-controller",
  ]);
  const names = await unwrap(component.enginePolicies);
  assert.equal(names[0], "ImageValidatingPolicy neko-trust-admission");
  assert.equal(names.at(-1), "NekoTrustImages neko-trust-admission");
});

test("policies come after their engine, and so go before it; a constraint after its template", async () => {
  const mocks = await startMocks();
  make();
  await mocks.settled();
  const after = (name: string) => mocks.named(name).dependencies.map((urn) => urn.split("::").at(-1));
  assert.deepEqual(after("admission-kyverno"), ["admission-kyverno-namespace"]);
  assert.deepEqual(after("admission-kyverno-policy"), ["admission-kyverno"]);
  assert.deepEqual(after("admission-policy-controller-signature"), ["admission-policy-controller"]);
  assert.deepEqual(after("admission-gatekeeper-constraint"), ["admission-gatekeeper-template"]);
});

test("charts and images are the pinned ones, webhooks fail closed and are not alone", async () => {
  const mocks = await startMocks();
  const policyController = { install: true, namespace: "cosign-system" };
  make({ settings: settingsWith({ engines: { ...engines, policyController } }) });
  await mocks.settled();
  const inputs = (name: string) => mocks.named(name).inputs;
  const kyverno = inputs("admission-kyverno");
  assert.equal(mocks.named("admission-kyverno").type, release);
  assert.deepEqual([kyverno["chart"], kyverno["version"], kyverno["atomic"]], ["kyverno", "3.9.1", true]);
  assert.deepEqual(kyverno["repositoryOpts"], { repo: "https://kyverno.github.io/kyverno/" });
  const values = JSON.stringify(kyverno["values"]);
  assert.match(values, /"replicas":3/);
  assert.match(values, new RegExp(`"registry":"registry.example","repository":"kyverno","tag":"v1.2.3@${digest}"`));
  assert.match(values, /"policyExceptions":\{"enabled":false\}/);
  const controller = inputs("admission-policy-controller");
  assert.equal(controller["chart"], "oci://ghcr.io/sigstore/helm-charts/policy-controller");
  assert.equal(controller["repositoryOpts"], undefined);
  const controllerValues = JSON.stringify(controller["values"]);
  assert.match(controllerValues, /"failurePolicy":"Fail"/);
  assert.match(controllerValues, new RegExp(`"version":"${digest}"`));
  assert.match(controllerValues, /"key":"kubernetes.io\/metadata.name","operator":"NotIn"/);
  assert.doesNotMatch(controllerValues, /oci11/);
});

test("Gatekeeper's webhook fails closed and goes before its pods", async () => {
  const mocks = await startMocks();
  const gatekeeper = { install: true, namespace: "gatekeeper-system", replicas: 2 };
  make({ settings: settingsWith({ engines: { gatekeeper }, scope: { kind: "only", namespaces: ["shop"] } }) });
  await mocks.settled();
  const values = mocks.named("admission-gatekeeper").inputs["values"] as Record<string, unknown>;
  assert.equal(values["validatingWebhookFailurePolicy"], "Fail");
  assert.equal(values["replicas"], 2);
  assert.match(JSON.stringify(values["preUninstall"]), /"enabled":true/);
});

test("an engine that only warns stops nothing when it is gone", async () => {
  const mocks = await startMocks();
  const gatekeeper = { install: true, namespace: "gatekeeper-system", rollout: "warn" };
  make({ settings: settingsWith({ engines: { ...engines, gatekeeper }, scope: exempting("gatekeeper-system") }) });
  await mocks.settled();
  const values = (name: string) => JSON.stringify(mocks.named(name).inputs["values"]);
  assert.match(values("admission-gatekeeper"), /"validatingWebhookFailurePolicy":"Ignore"/);
  assert.match(values("admission-policy-controller"), /"failurePolicy":"Ignore"/);
});

test("Gatekeeper's webhook leaves exempt namespaces alone, as its policies do", async () => {
  const mocks = await startMocks();
  const gatekeeper = { install: true, namespace: "gatekeeper-system" };
  make({ settings: settingsWith({ engines: { ...engines, gatekeeper }, scope: exempting("gatekeeper-system") }) });
  await mocks.settled();
  const values = mocks.named("admission-gatekeeper").inputs["values"] as Record<string, unknown>;
  assert.deepEqual(values["validatingWebhookExemptNamespacesLabels"], {
    "kubernetes.io/metadata.name": ["cosign-system", "gatekeeper-system", "kube-system", "kyverno"],
  });
});

test("a scope by labels is the controller's whole selector, without the chart's own label", async () => {
  const mocks = await startMocks();
  make({ settings: settingsWith({ scope: { kind: "labelled", labels: { guarded: "yes" } } }) });
  await mocks.settled();
  const { values } = mocks.named("admission-policy-controller").inputs as {
    values: { webhook: Record<string, unknown> };
  };
  assert.deepEqual(values.webhook["namespaceSelector"], {
    matchExpressions: [{ key: "guarded", operator: "In", values: ["yes"] }],
  });
});

test("an engine's rollout may be weaker than the baseline's, and the state says so", async () => {
  const mocks = await startMocks();
  make();
  await mocks.settled();
  const mode = (name: string) => (mocks.named(name).inputs["spec"] as { mode?: string }).mode;
  assert.equal(mode("admission-policy-controller-signature"), "warn");
  const { engines: state } = mocks.named("admission").inputs;
  assert.deepEqual(state, {
    kyverno: { rollout: "enforce", install: true },
    policyController: { rollout: "warn", install: true },
    gatekeeper: { rollout: "enforce", install: false },
  });
});

test("another cluster may have other engines, or none", async () => {
  const mocks = await startMocks();
  make({ settings: settingsWith({ perCluster: { europe: { engines: {} } } }) });
  await mocks.settled();
  assert.ok(!mocks.resources.some(({ name }) => /kyverno|policy-controller|gatekeeper/.test(name)));
});

test("a private root is put beside what the controller has, and restarts it", async () => {
  const mocks = await startMocks();
  const own = { ...engines, sigstore: { mirror: "https://tuf.example", root: "e30=" } };
  make({ settings: settingsWith({ engines: own }) });
  await mocks.settled();
  const root = mocks.named("admission-policy-controller-root");
  assert.equal(root.type, "kubernetes:core/v1:ConfigMapPatch");
  assert.deepEqual(Object.keys(root.inputs["data"] as object), ["neko-trust-admission"]);
  const after = mocks.named("admission-policy-controller-signature").dependencies.map((urn) => urn.split("::").at(-1));
  assert.ok(after.includes("admission-policy-controller-restart"));
});

test("refuses an engine that the cluster hasn't, where somebody asked it", async () => {
  const mocks = await startMocks();
  const there = ["constrainttemplates.templates.gatekeeper.sh"];
  assert.equal(codeOf({ discovered: { crds: [] } }), "CRD_MISSING");
  assert.equal(codeOf({ discovered: { crds: there } }), "none");
  await mocks.settled();
});

test("refuses engines without root or pins, and in a namespace that the baseline guards", async () => {
  await startMocks();
  const bare = (without: "trustedRoot" | "pins") => {
    const provider = new kubernetes.Provider("bare", { kubeconfig: pulumi.secret("x") });
    const args: AdmissionPoliciesArgs = {
      cluster: "europe",
      policy: enginePolicy(),
      settings,
      releases: [{ current }],
      now: casesNow,
      ...(without === "trustedRoot" ? { pins } : { trustedRoot: publicGoodRoot }),
    };
    return codeThrown(() => new AdmissionPolicies("bare", args, { provider }), "none");
  };
  assert.equal(bare("trustedRoot"), "ADMISSION_ROOT_MISSING");
  assert.equal(bare("pins"), "PINS_REQUIRED");
  assert.equal(codeOf({ pins: { ...pins, charts: [] } }), "PIN_MISSING");
  assert.equal(codeOf({ pins: { ...pins, images: [] } }), "PIN_MISSING");
  const guarded = { kind: "all-except", exempt: ["kube-system"] };
  assert.equal(codeOf({ settings: settingsWith({ scope: guarded }) }), "ENGINE_NAMESPACE_GUARDED");
  assert.equal(codeOf({ trustedRoot: new TextEncoder().encode("{}") }), "ENGINE_ROOT_MISMATCH");
});

const badEngines: readonly [string, unknown][] = [
  ["an engine that is none", { falco: { install: true, namespace: "x" } }],
  ["no word on whether it is installed", { gatekeeper: { namespace: "x" } }],
  ["install as a text", { gatekeeper: { install: "true", namespace: "x" } }],
  ["no namespace", { gatekeeper: { install: true } }],
  ["a bad namespace", { gatekeeper: { install: true, namespace: "Kube_System" } }],
  ["an unknown rollout", { gatekeeper: { install: true, namespace: "x", rollout: "deny" } }],
  ["one replica", { gatekeeper: { install: true, namespace: "x", replicas: 1 } }],
  ["half a replica", { gatekeeper: { install: true, namespace: "x", replicas: 2.5 } }],
  ["an unknown key", { gatekeeper: { install: true, namespace: "x", values: {} } }],
  ["provenance where no engine looks at it", { gatekeeper: { install: true, namespace: "x", indexProvenance: true } }],
  [
    "provenance as a text",
    { sigstore: "public-good", kyverno: { install: true, namespace: "x", indexProvenance: "yes" } },
  ],
  ["signatures without an instance", { kyverno: { install: true, namespace: "x" } }],
  ["an instance that is none", { sigstore: "staging", kyverno: { install: true, namespace: "x" } }],
  ["a mirror by http", { sigstore: { mirror: "http://tuf.example", root: "e30=" } }],
  ["a mirror with credentials", { sigstore: { mirror: "https://a:b@tuf.example", root: "e30=" } }],
  ["a root that is no base64", { sigstore: { mirror: "https://tuf.example", root: "{}" } }],
  [
    "an unknown provider",
    { sigstore: "public-good", kyverno: { install: true, namespace: "x", credentials: { providers: ["docker"] } } },
  ],
  [
    "a bad secret name",
    { sigstore: "public-good", kyverno: { install: true, namespace: "x", credentials: { secrets: ["A_b"] } } },
  ],
];
for (const [what, given] of badEngines) {
  test(`settings refuse ${what}`, () => {
    assert.equal(admissionPoliciesSettingsSchema.safeParse({ ...plain, engines: given }).success, false);
  });
}

test("settings refuse to accept refusals by any other word, and take placeholders", () => {
  const parses = (changes: object) => admissionPoliciesSettingsSchema.safeParse({ ...plain, ...changes }).success;
  assert.equal(parses({ refuseRunning: "accept" }), true);
  for (const refuseRunning of [true, "yes", "ignore"]) assert.equal(parses({ refuseRunning }), false);
  const sigstore = { mirror: "https://placeholder.example", root: "placeholder-root" };
  assert.equal(parses({ engines: { sigstore } }), true);
});
