import assert from "node:assert/strict";
import { test } from "node:test";
import { neededRights } from "../../../../src/operations/examine/examine-clusters.ts";
import { neededPermissions } from "../../../../src/operations/examine/examine-google.ts";

test("permissions at Google follow from the components", () => {
  assert.deepEqual(neededPermissions({ admissionPolicies: {} }, "apply"), []);
  assert.ok(
    neededPermissions({ confidentialSigner: {}, ciSecrets: {} }, "apply").includes("cloudkms.cryptoKeys.create"),
  );
});

test("rights in a cluster follow from the components, each once", () => {
  assert.deepEqual(neededRights({}, "apply"), []);
  const all = { admissionPolicies: {}, keyBroker: { namespace: "kbs" }, buildRunners: {} };
  const names = neededRights(all, "apply").map(
    ({ group, resource, verbs, namespace = "" }) => `${resource}.${group} ${namespace} ${verbs.join()}`,
  );
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes("networkpolicies.networking.k8s.io kbs get,create,patch,delete"));
  assert.ok(names.includes("networkpolicies.networking.k8s.io  get,create,patch,delete"));
});

test("what a plan needs only reads: of the same things, in the same places", () => {
  const all = { admissionPolicies: {}, keyBroker: { namespace: "kbs" }, buildRunners: {} };
  const verbs = new Set(neededRights(all, "plan").flatMap((right) => right.verbs));
  assert.deepEqual([...verbs].sort(), ["get", "list"]);
  const places = (purpose: "plan" | "apply") =>
    neededRights(all, purpose).map(({ group, resource, namespace = "" }) => `${resource}.${group} ${namespace}`);
  assert.deepEqual(places("plan"), places("apply"));
  const permissions = neededPermissions({ confidentialSigner: {}, ciSecrets: {}, buildRunners: {} }, "plan");
  assert.ok(permissions.every((permission) => /\.(?:get|getIamPolicy)$/.test(permission)));
  // What roles of a plan's identity have (docs/getting-started.md).
  assert.deepEqual(neededPermissions({ confidentialSigner: {} }, "plan"), [
    "cloudkms.cryptoKeys.get",
    "cloudkms.cryptoKeys.getIamPolicy",
    "cloudkms.keyRings.get",
    "compute.disks.get",
    "compute.firewallPolicies.get",
    "compute.images.get",
    "compute.instances.get",
    "compute.networks.get",
    "compute.routers.get",
    "compute.routes.get",
    "compute.subnetworks.get",
    "dns.managedZones.get",
    "dns.policies.get",
    "iam.serviceAccounts.get",
    "logging.logMetrics.get",
    "monitoring.alertPolicies.get",
    "resourcemanager.projects.getIamPolicy",
    "storage.buckets.get",
  ]);
});
