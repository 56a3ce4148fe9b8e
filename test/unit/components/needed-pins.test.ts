import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { buildRunnersSettingsSchema } from "../../../components/build-runners/settings.ts";
import { admissionPoliciesSettingsSchema } from "../../../components/admission-policies/settings.ts";
import { keyBrokerSettingsSchema } from "../../../components/key-broker/settings.ts";
import { neededPins } from "../../../components/needed-pins.ts";
import { readPins } from "../../../src/config/read-pins.ts";
import { chartPin, imagePin } from "../../../src/core/pins/pins.ts";
import { runnersFields } from "../../support/build-runners.ts";
import { brokerSettingsFields, splitTrustee } from "../../support/key-broker.ts";

const admission = admissionPoliciesSettingsSchema.parse({
  ...{ name: "neko-trust", namespace: "neko-trust", rollout: "warn", scope: { kind: "all-except", exempt: [] } },
  engines: {
    sigstore: "public-good",
    kyverno: { install: true, namespace: "kyverno", replicas: 2 },
    policyController: { install: false, namespace: "cosign-system" },
  },
});

test("a stack without components of others' images needs no pin", () => {
  assert.deepEqual(neededPins({}), { images: [], charts: [] });
});

test("only engines that are installed here need pins", () => {
  const { images = [], charts } = neededPins({ admissionPolicies: admission });
  assert.deepEqual(charts, ["kyverno"]);
  assert.ok(images.includes("kyverno") && !images.includes("policy-controller"));
});

test("every pin that a component can ask for is in pins.yaml", () => {
  const pins = readPins(join(import.meta.dirname, "..", "..", ".."));
  const all = { kyverno: true, policyController: true, gatekeeper: true };
  const everyEngine = Object.fromEntries(
    Object.keys(all).map((name) => [name, { install: true, namespace: name.toLowerCase(), replicas: 2 }]),
  );
  for (const trustee of [brokerSettingsFields.trustee, splitTrustee]) {
    const needed = neededPins({
      keyBroker: keyBrokerSettingsSchema.parse({ ...brokerSettingsFields, trustee }),
      buildRunners: buildRunnersSettingsSchema.parse(runnersFields),
      admissionPolicies: admissionPoliciesSettingsSchema.parse({
        ...{ name: "neko-trust", namespace: "neko-trust", rollout: "warn", scope: { kind: "all-except", exempt: [] } },
        engines: { sigstore: "public-good", ...everyEngine },
      }),
    });
    for (const name of needed.images ?? []) imagePin(pins, name);
    for (const name of needed.charts ?? []) chartPin(pins, name);
  }
});
