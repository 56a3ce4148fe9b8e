import assert from "node:assert/strict";
import { test } from "node:test";
import type * as gcp from "@pulumi/gcp";
import { machineMetadata, templateArgs } from "../../../../components/build-runners/gce-args.ts";
import {
  materialRoleArgs,
  starterCondition,
  starterRoleArgs,
} from "../../../../components/build-runners/gce-grants.ts";
import { firewallRules } from "../../../../components/build-runners/gce-network.ts";
import { GceRunners } from "../../../../components/build-runners/gce-runners.ts";
import type { GceSettings } from "../../../../components/build-runners/gce-settings.ts";
import { gceFields, makeRunners, runnersProviders, runnersSettings } from "../../../support/build-runners.ts";
import { codeThrown } from "../../../support/failures.ts";
import { startMocks } from "../../../support/mocks.ts";
import { sampleDigest } from "../../../support/policies.ts";

function gceSettings(changes: object = {}): GceSettings {
  const { gce } = runnersSettings({ gce: { ...gceFields, ...changes } });
  assert.ok(gce !== undefined);
  return gce;
}
const existing = {
  kind: "existing",
  network: "projects/neko-ci-123/global/networks/ci",
  subnetwork: "projects/neko-ci-123/regions/europe-west4/subnetworks/ci",
  egress: gceFields.network.egress,
};
const place = { network: "the-network", subnetwork: "the-subnet", account: "runner@neko-ci-123" };

test("a machine has no external address, no key, one image by content, and an end", () => {
  const template = templateArgs(gceSettings(), place);
  assert.deepEqual(template.networkInterfaces, [{ subnetwork: "the-subnet", stackType: "IPV4_ONLY" }]);
  assert.deepEqual(template.metadata, {
    "block-project-ssh-keys": "true",
    "disable-legacy-endpoints": "true",
    "serial-port-enable": "false",
  });
  assert.deepEqual(template.scheduling, {
    automaticRestart: false,
    preemptible: false,
    provisioningModel: "STANDARD",
    onHostMaintenance: "MIGRATE",
    maxRunDuration: { seconds: 10_800 },
    instanceTerminationAction: "DELETE",
  });
  const [disk] = template.disks as gcp.types.input.compute.InstanceTemplateDisk[];
  assert.deepEqual(
    [disk?.sourceImage, disk?.autoDelete, disk?.boot],
    [`projects/neko-ci-123/global/images/nix-runner-${"a".repeat(32)}`, true, true],
  );
  assert.deepEqual(template.serviceAccount, {
    email: "runner@neko-ci-123",
    scopes: ["https://www.googleapis.com/auth/logging.write"],
  });
  assert.equal(machineMetadata["block-project-ssh-keys"], "true");
});

test("spot machines are told to stop for maintenance, and are deleted all the same", () => {
  const { scheduling } = templateArgs(gceSettings({ provisioning: "spot" }), place);
  const { provisioningModel, preemptible, onHostMaintenance, instanceTerminationAction } =
    scheduling as gcp.types.input.compute.InstanceTemplateScheduling;
  assert.deepEqual(
    [provisioningModel, preemptible, onHostMaintenance, instanceTerminationAction],
    ["SPOT", true, "TERMINATE", "DELETE"],
  );
});

test("the shielded machine is on; Secure Boot is off only with a reason", () => {
  const shielded = (changes: object) => templateArgs(gceSettings(changes), place).shieldedInstanceConfig;
  assert.deepEqual(shielded({}), { enableSecureBoot: true, enableVtpm: true, enableIntegrityMonitoring: true });
  assert.deepEqual(shielded({ secureBoot: { reason: "the loader is not signed yet" } }), {
    enableSecureBoot: false,
    enableVtpm: true,
    enableIntegrityMonitoring: true,
  });
});

test("a template's name follows its content, so that a change makes another one", () => {
  const nameOf = (changes: object) => templateArgs(gceSettings(changes), place).name as string;
  assert.match(nameOf({}), /^neko-build-[0-9a-f]{12}$/);
  assert.equal(nameOf({}), nameOf({ zones: ["europe-west4-a"] }));
  const image = { project: "neko-ci-123", name: `nix-runner-${"b".repeat(32)}`, sha256: sampleDigest("b") };
  for (const changes of [{ image }, { machineType: "n2-standard-8" }, { maxRunTime: "2h" }, { provisioning: "spot" }]) {
    assert.notEqual(nameOf(changes), nameOf({}), JSON.stringify(changes));
  }
});

test("nothing comes in, and out goes only what is listed; every rule is logged", () => {
  const rules = firewallRules(gceSettings(), place);
  assert.deepEqual(
    rules.map(({ suffix, args }) => [suffix, args.direction, args.priority]),
    [
      ["deny-ingress", "INGRESS", 10],
      ["allow-github", "EGRESS", 20],
      ["allow-nix-cache", "EGRESS", 20],
      ["deny-egress", "EGRESS", 30],
    ],
  );
  const github = rules[1]?.args ?? { network: "none" };
  assert.deepEqual(github.destinationRanges, ["140.82.112.0/20", "185.199.108.0/22"]);
  assert.deepEqual(github.allows, [{ protocol: "tcp", ports: ["443"] }]);
  for (const index of [0, 3]) assert.deepEqual(rules[index]?.args.denies, [{ protocol: "all" }]);
  for (const { args } of rules) assert.deepEqual(args.logConfig, { metadata: "INCLUDE_ALL_METADATA" });
});

test("in a network of their own the rules hold for everything, in an existing one for the runners' account", () => {
  const targets = (changes: object) =>
    firewallRules(gceSettings(changes), place).map(({ args }) => args.targetServiceAccounts);
  assert.deepEqual(targets({}), [undefined, undefined, undefined, undefined]);
  assert.deepEqual(
    targets({ network: existing }),
    Array.from({ length: 4 }, () => ["runner@neko-ci-123"]),
  );
});

test("an existing subnet is used as it is: no network, router or NAT is made", async () => {
  const mocks = await startMocks();
  makeRunners({ settings: runnersSettings({ gce: { ...gceFields, network: existing } }) });
  await mocks.settled();
  const made = mocks.resources.filter(({ type }) => /:(?:Network|Subnetwork|Router|RouterNat)$/.test(type));
  assert.deepEqual(made, []);
  const { inputs } = mocks.named("runners-gce-template");
  assert.deepEqual(inputs["networkInterfaces"], [{ subnetwork: existing.subnetwork, stackType: "IPV4_ONLY" }]);
  assert.equal(mocks.named("runners-gce-starter-subnet").inputs["subnetwork"], existing.subnetwork);
});

test("what leaves the runners' own network passes a NAT that logs", async () => {
  const mocks = await startMocks();
  makeRunners();
  await mocks.settled();
  const nat = mocks.named("runners-gce-nat").inputs;
  assert.deepEqual(nat["logConfig"], { enable: true, filter: "ALL" });
  assert.equal(nat["sourceSubnetworkIpRangesToNat"], "LIST_OF_SUBNETWORKS");
  assert.equal(mocks.named("runners-gce-subnet").inputs["privateIpGoogleAccess"], false);
  assert.equal(mocks.named("runners-gce-network").inputs["autoCreateSubnetworks"], false);
});

test("the starter may make, watch and delete machines by name, and use one template, image and subnet", async () => {
  assert.deepEqual(starterRoleArgs(gceSettings()).permissions, [
    "compute.disks.create",
    "compute.instances.create",
    "compute.instances.delete",
    "compute.instances.get",
    "compute.instances.setLabels",
    "compute.instances.setMetadata",
    "compute.instances.setServiceAccount",
    "compute.zoneOperations.get",
  ]);
  assert.deepEqual(materialRoleArgs(gceSettings()).permissions, [
    "compute.images.useReadOnly",
    "compute.instanceTemplates.useReadOnly",
    "compute.subnetworks.use",
  ]);
  const mocks = await startMocks();
  makeRunners();
  await mocks.settled();
  const grants = mocks.resources.filter(({ type }) => /I(?:am|AM)Member$/.test(type));
  assert.deepEqual(grants.map(({ type }) => type.split(":").at(-1)).toSorted(), [
    "IAMMember",
    "IAMMember",
    "ImageIamMember",
    "InstanceTemplateIamMember",
    "SubnetworkIAMMember",
  ]);
  for (const { inputs, name } of grants) {
    assert.equal(inputs["member"], "serviceAccount:apply@neko-ci-123.iam.gserviceaccount.com", name);
  }
});

test("the starter's condition names every zone, machines and disks", () => {
  const { expression } = starterCondition(gceSettings());
  const starts = (zone: string, collection: string) =>
    `resource.name.startsWith("projects/neko-ci-123/zones/${zone}/${collection}/neko-build-")`;
  for (const zone of gceFields.zones) {
    for (const collection of ["instances", "disks"]) assert.ok(expression.includes(starts(zone, collection)));
  }
  assert.equal(expression, starterCondition(gceSettings({ zones: gceFields.zones.toReversed() })).expression);
});

test("the runners' account is given no role", async () => {
  const mocks = await startMocks({
    outputs: (type) => (type.endsWith(":Account") ? { email: "runner@neko-ci-123", name: "runner" } : {}),
  });
  makeRunners();
  await mocks.settled();
  const members = mocks.resources.map(({ inputs }) => inputs["member"]).filter((member) => member !== undefined);
  assert.deepEqual([...new Set(members)], ["serviceAccount:apply@neko-ci-123.iam.gserviceaccount.com"]);
});

test("an image of another project is left to its owner to share", async () => {
  const mocks = await startMocks();
  const image = { ...gceFields.image, project: "images-of-ours" };
  makeRunners({ settings: runnersSettings({ gce: { ...gceFields, image } }) });
  await mocks.settled();
  assert.deepEqual(
    mocks.resources.filter(({ type }) => type.endsWith("ImageIamMember")),
    [],
  );
});

test("no machine's template is there before the rules are", async () => {
  const mocks = await startMocks();
  makeRunners();
  await mocks.settled();
  const before = mocks.named("runners-gce-template").dependencies.map((urn) => urn.split("::").at(-1));
  for (const rule of ["deny-ingress", "deny-egress", "allow-github", "allow-nix-cache"]) {
    assert.ok(before.includes(`runners-gce-${rule}`), rule);
  }
});

test("GceRunners can be used alone, never with the default provider", async () => {
  const mocks = await startMocks();
  const { gcp: provider } = runnersProviders();
  new GceRunners("alone", { settings: gceSettings() }, { provider });
  await mocks.settled();
  assert.equal(mocks.named("alone-template").type, "gcp:compute/instanceTemplate:InstanceTemplate");
  const without = {} as { provider: gcp.Provider };
  assert.equal(
    codeThrown(() => new GceRunners("other", { settings: gceSettings() }, without), "accepted"),
    "PROVIDER_REQUIRED",
  );
});
