import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { buildRunnersSettingsSchema } from "../../../../components/build-runners/settings.ts";
import { arcFields, gceFields, runnersFields } from "../../../support/build-runners.ts";
import { sampleDigest } from "../../../support/policies.ts";

/** Paths of the faults, each once: a value may break two rules. */
const faultsOf = (fields: object) => [
  ...new Set(buildRunnersSettingsSchema.safeParse(fields).error?.issues.map(({ path }) => path.join("."))),
];
const group = (changes: object) => faultsOf({ ...runnersFields, group: { ...runnersFields.group, ...changes } });
const arc = (changes: object) => faultsOf({ ...runnersFields, arc: { ...arcFields, ...changes } });
const gce = (changes: object) => faultsOf({ ...runnersFields, gce: { ...gceFields, ...changes } });
const scaleSet = (changes: object) => arc({ scaleSets: [{ ...arcFields.scaleSets[0], ...changes }] });
const own = (changes: object) => gce({ network: { ...gceFields.network, ...changes } });
const image = (changes: object) => gce({ image: { ...gceFields.image, ...changes } });
const destination = { name: "cache", cidrs: ["10.30.0.0/24"], ports: [443] };
const egress = (changes: object) => arc({ egress: [{ ...destination, ...changes }] });

/** Every field with what it must refuse, besides values of another type. */
const each = (path: string, check: (value: unknown) => string[], bad: readonly unknown[]): void => {
  for (const value of bad) assert.deepEqual(check(value), [path], `${path}: ${JSON.stringify(value)}`);
};

test("takes both parts, either of them, and refuses none", () => {
  assert.deepEqual(faultsOf(runnersFields), []);
  assert.deepEqual(faultsOf({ ...runnersFields, arc: undefined }), []);
  assert.deepEqual(faultsOf({ ...runnersFields, gce: undefined }), []);
  assert.deepEqual(faultsOf({ ...runnersFields, arc: undefined, gce: undefined }), [""]);
  assert.deepEqual(faultsOf({ ...runnersFields, extra: 1 }), [""]);
});

test("the README's example is one", () => {
  const readme = new URL("../../../../components/build-runners/README.md", import.meta.url);
  const [, example = ""] = /```yaml\n(neko-trust:buildRunners:[\s\S]*?)```/.exec(readFileSync(readme, "utf8")) ?? [];
  const document = parse(example) as Readonly<Record<string, object>>;
  assert.deepEqual(faultsOf(document["neko-trust:buildRunners"] ?? {}), []);
});

test("placeholders can be planned with", () => {
  const network = {
    kind: "existing",
    network: "projects/placeholder-project/global/networks/placeholder",
    subnetwork: "projects/placeholder-project/regions/placeholder-region/subnetworks/placeholder",
    egress: [destination],
  };
  const placeholder = {
    project: "placeholder-project",
    region: "placeholder-region",
    zones: ["placeholder-region-a"],
    image: { project: "placeholder-project", name: `placeholder-image-${"0".repeat(32)}`, sha256: sampleDigest("0") },
    network,
  };
  assert.deepEqual(gce(placeholder), []);
  assert.deepEqual(group({ name: "placeholder-group" }), []);
});

test("a user's repository is refused with what to do, as users have no runner groups", () => {
  const { error } = buildRunnersSettingsSchema.safeParse({ ...runnersFields, ownerKind: "user" });
  assert.match(error?.issues[0]?.message ?? "", /organisations only.*move the repository to an organisation/);
  each("ownerKind", (ownerKind) => faultsOf({ ...runnersFields, ownerKind }), ["user", "enterprise", 1, undefined]);
});

test("group refuses bad names, signers, refs that are no exact refs, and public repositories without a reason", () => {
  each("group.name", (name) => group({ name }), ["", " a", "a/b", "a".repeat(65), "Default", 1, undefined]);
  each("group.signers", (signers) => group({ signers }), [[], "release", undefined]);
  each("group.signers.0", (id) => group({ signers: [id] }), ["Upper", "", 1]);
  each("group.refs.0", (ref) => group({ refs: [ref] }), ["refs/tags/v*", "v1", "refs/pull/1/merge", "refs/tags/", 1]);
  each("group.publicRepositories", (publicRepositories) => group({ publicRepositories }), ["allow", true, undefined]);
  assert.deepEqual(group({ publicRepositories: { reason: "the repository itself is public" } }), []);
  each("group.publicRepositories.reason", (reason) => group({ publicRepositories: { reason } }), [
    "short",
    "",
    "a".repeat(301),
  ]);
  assert.deepEqual(group({ extra: 1 }), ["group"]);
});

test("a scale set that builds is refused, as a pod has no Nix sandbox", () => {
  const set = { ...arcFields.scaleSets[0], role: "build" };
  const { error } = buildRunnersSettingsSchema.safeParse({ ...runnersFields, arc: { ...arcFields, scaleSets: [set] } });
  assert.match(error?.issues[0]?.message ?? "", /Nix sandbox.*`gce`/);
  each("arc.scaleSets.0.role", (role) => scaleSet({ role }), ["build", "deploy", undefined]);
});

test("arc refuses bad namespaces, levels, resolvers and addresses", () => {
  const { namespaces, dns } = arcFields;
  each("arc.namespaces.controller", (controller) => arc({ namespaces: { ...namespaces, controller } }), ["A", "", 1]);
  each("arc.namespaces.runners", (runners) => arc({ namespaces: { ...namespaces, runners } }), ["a_b", "-a", 1]);
  assert.deepEqual(arc({ namespaces: { controller: "arc", runners: "arc" } }), ["arc.namespaces"]);
  each("arc.podSecurity", (podSecurity) => arc({ podSecurity }), [
    ...["baseline", "privileged", undefined, { level: "baseline" }],
    { level: "privileged", reason: "because we want it so" },
  ]);
  assert.deepEqual(arc({ podSecurity: { level: "baseline", reason: "a sidecar of ours needs it" } }), []);
  each("arc.dns.namespace", (namespace) => arc({ dns: { ...dns, namespace } }), ["Kube", undefined]);
  each("arc.dns.labels", (labels) => arc({ dns: { ...dns, labels } }), [{}, undefined, "k8s-app"]);
  each("arc.dns.labels.a", (value) => arc({ dns: { ...dns, labels: { a: value } } }), ["a b", 1]);
  each("arc.dns.addresses.0", (address) => arc({ dns: { ...dns, addresses: [address] } }), [
    ...["169.254.169.254/32", "10.0.0.0/24", "10.0.0.1", 1],
  ]);
  assert.deepEqual(arc({ dns: { ...dns, addresses: ["169.254.20.10/32"] } }), []);
  each("arc.apiServer.cidrs", (cidrs) => arc({ apiServer: { cidrs, port: 443 } }), [[], undefined, "10.0.0.1/32"]);
  each("arc.apiServer.port", (port) => arc({ apiServer: { cidrs: ["10.0.0.1/32"], port } }), [0, 65_536, "443", 1.5]);
  each("arc.github", (github) => arc({ github }), [[], undefined]);
  each("arc.appKeyGeneration", (appKeyGeneration) => arc({ appKeyGeneration }), [0, 1.5, "1", undefined]);
});

test("no range is taken that is everything, none, or a metadata server's", () => {
  each("arc.github.0", (cidr) => arc({ github: [cidr] }), [
    ...["0.0.0.0/0", "0.0.0.0/1", "::/0", "2000::/3", "140.82.112.1/20", "github.com", "140.82.112.0", 1],
    ...["169.254.169.254/32", "169.254.0.0/16", "169.254.169.252/32", "fd00:ec2::254/128", "fd20:ce::254/128"],
  ]);
  assert.deepEqual(arc({ github: ["140.0.0.0/8", "2606:50c0::/32"] }), []);
});

test("destinations need a name of their own, ranges and ports", () => {
  each("arc.egress.0.name", (name) => egress({ name }), ["A", "", "a".repeat(21), "dns", "github", 1, undefined]);
  each("arc.egress.0.cidrs", (cidrs) => egress({ cidrs }), [[], undefined]);
  each("arc.egress.0.ports", (ports) => egress({ ports }), [[], undefined]);
  each("arc.egress.0.ports.0", (port) => egress({ ports: [port] }), [0, 65_536, "443"]);
  assert.deepEqual(arc({ egress: [destination, destination] }), ["arc.egress"]);
  assert.deepEqual(arc({ egress: [] }), ["arc.egress"]);
});

test("a scale set refuses bad names, counts, amounts, selectors and tolerations", () => {
  const { resources } = arcFields.scaleSets[0]!;
  each("arc.scaleSets.0.name", (name) => scaleSet({ name }), ["A", "a".repeat(46), "1a", undefined]);
  each("arc.scaleSets.0.minRunners", (minRunners) => scaleSet({ minRunners }), [-1, 51, 1.5, "0", 9]);
  each("arc.scaleSets.0.maxRunners", (maxRunners) => scaleSet({ maxRunners }), [0, 201, "8"]);
  each("arc.scaleSets.0.resources.cpu", (cpu) => scaleSet({ resources: { ...resources, cpu } }), ["0", "1.5", 2, "2k"]);
  each("arc.scaleSets.0.resources.memory", (memory) => scaleSet({ resources: { ...resources, memory } }), [
    ...["4", "4G", "0Gi", 4],
  ]);
  each(
    "arc.scaleSets.0.resources.ephemeralStorage",
    (ephemeralStorage) => scaleSet({ resources: { ...resources, ephemeralStorage } }),
    ["20", "20GB", undefined],
  );
  each("arc.scaleSets.0.nodeSelector.pool", (pool) => scaleSet({ nodeSelector: { pool } }), ["a b", 1, true]);
  const toleration = { key: "runners", operator: "Equal", value: "true", effect: "NoSchedule" };
  assert.deepEqual(scaleSet({ nodeSelector: { pool: "ci" }, tolerations: [toleration] }), []);
  for (const [key, value] of [
    ["key", "a b"],
    ["operator", "In"],
    ["value", "a b"],
    ["effect", "Never"],
  ] as const) {
    const bad = { ...toleration, [key]: value };
    assert.deepEqual(scaleSet({ tolerations: [bad] }), [`arc.scaleSets.0.tolerations.0.${key}`]);
  }
  assert.deepEqual(arc({ scaleSets: [] }), ["arc.scaleSets"]);
  assert.deepEqual(arc({ scaleSets: [arcFields.scaleSets[0], arcFields.scaleSets[0]] }), ["arc.scaleSets"]);
});

test("further values that undo hardening are faults of the settings, at their place", () => {
  const values = { template: { spec: { hostNetwork: true, volumes: [{ name: "a", hostPath: { path: "/" } }] } } };
  assert.deepEqual(scaleSet({ values }), [
    "arc.scaleSets.0.values.template.spec.hostNetwork",
    "arc.scaleSets.0.values.template.spec.volumes.0.hostPath",
  ]);
  const controller = { ...arcFields.controller, values: { image: { tag: "latest" } } };
  assert.deepEqual(arc({ controller }), ["arc.controller.values.image"]);
  each("arc.scaleSets.0.values", (given) => scaleSet({ values: given }), ["x", 1, []]);
});

test("gce refuses bad projects, places, names, machines and disks", () => {
  each("gce.project", (project) => faultsOf({ ...runnersFields, gce: { ...gceFields, project } }), ["Neko", "a", 1]);
  each("gce.region", (region) => gce({ region, zones: ["placeholder-zone"] }), ["europe", "", 1]);
  each("gce.zones.0", (zone) => gce({ zones: [zone] }), ["europe-west4", "us-east1-b", 1]);
  assert.deepEqual(gce({ zones: [] }), ["gce.zones"]);
  each("gce.name", (name) => gce({ name }), ["A", "a".repeat(21), "1a", undefined]);
  each("gce.machineType", (machineType) => gce({ machineType }), ["n2", "N2-standard-4", 1]);
  each("gce.disk.type", (type) => gce({ disk: { type, sizeGb: 100 } }), ["pd-standard", undefined]);
  each("gce.disk.sizeGb", (sizeGb) => gce({ disk: { type: "pd-ssd", sizeGb } }), [19, 4001, "100", 20.5]);
  each("gce.provisioning", (provisioning) => gce({ provisioning }), ["preemptible", true, undefined]);
  each("gce.signs", (signs) => gce({ signs }), ["false", undefined]);
  each("gce.secureBoot", (secureBoot) => gce({ secureBoot }), ["off", false, undefined]);
  each("gce.secureBoot.reason", (reason) => gce({ secureBoot: { reason } }), ["no", "a".repeat(301)]);
  assert.deepEqual(gce({ secureBoot: { reason: "the image's loader is not signed yet" } }), []);
});

test("an image is named by its content: no family, no name without the digest, no other digest", () => {
  const digits = "a".repeat(32);
  each("gce.image.name", (name) => image({ name }), ["nix-runner", `nix-runner-${"b".repeat(32)}`, digits, 1]);
  each("gce.image.name", (name) => image({ name }), [`nix-runner-${"a".repeat(31)}`, `${"n".repeat(40)}-${digits}`]);
  each("gce.image.sha256", (sha256) => image({ sha256 }), ["a".repeat(64), "sha256:abc", 1]);
  each("gce.image.project", (project) => image({ project }), ["Debian", undefined]);
  assert.deepEqual(image({ family: "nix-runner" }), ["gce.image"]);
});

test("a machine's time is bounded", () => {
  each("gce.maxRunTime", (maxRunTime) => gce({ maxRunTime }), ["59s", "25h", "2d", "0h", "3", 3, undefined]);
  for (const maxRunTime of ["60s", "90m", "24h", "1d"]) assert.deepEqual(gce({ maxRunTime }), [], maxRunTime);
});

test("a network is of the runners' own, or one of the same project and region", () => {
  each("gce.network.kind", (kind) => own({ kind }), ["default", undefined]);
  each("gce.network.cidr", (cidr) => own({ cidr }), ["10.40.0.1/24", "0.0.0.0/0", undefined]);
  assert.deepEqual(own({ egress: [] }), ["gce.network.egress"]);
  const existing = {
    kind: "existing",
    network: "projects/neko-ci-123/global/networks/ci",
    subnetwork: "projects/neko-ci-123/regions/europe-west4/subnetworks/ci",
    egress: [destination],
  };
  assert.deepEqual(gce({ network: existing }), []);
  each("gce.network.network", (network) => gce({ network: { ...existing, network } }), [
    ...["ci", "projects/other-project/global/networks/ci", 1],
  ]);
  each("gce.network.subnetwork", (subnetwork) => gce({ network: { ...existing, subnetwork } }), [
    ...[
      "ci",
      "projects/neko-ci-123/regions/us-east1/subnetworks/ci",
      "projects/other/regions/europe-west4/subnetworks/ci",
    ],
  ]);
});
