import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { admissionPoliciesSettingsSchema } from "../../../components/admission-policies/settings.ts";
import { keyBrokerSettingsSchema } from "../../../components/key-broker/settings.ts";
import { digestOfPolicies } from "../../../src/config/digest-of-policies.ts";
import { parseYamlConfig } from "../../../src/config/read-config.ts";
import { productionConfig } from "../../support/stack-files.ts";

const folder = join(tmpdir(), "neko-no-such-state");
const directories = { checkout: folder, state: folder, cache: folder, run: folder };
const production = parseYamlConfig(stringify({ config: productionConfig() }), "production", directories);
const { keyBroker, admissionPolicies } = production;
assert.ok(keyBroker !== undefined && admissionPolicies !== undefined);
const digest = digestOfPolicies(production);

/** Production's settings with other rules for machines; parsed, as what no stack can have proves nothing. */
const withTee = (changes: Partial<typeof keyBroker.tee>) =>
  digestOfPolicies({
    ...production,
    keyBroker: keyBrokerSettingsSchema.parse({ ...keyBroker, tee: { ...keyBroker.tee, ...changes } }),
  });
const withAdmission = (changes: Partial<typeof admissionPolicies>) =>
  digestOfPolicies({
    ...production,
    admissionPolicies: admissionPoliciesSettingsSchema.parse({ ...admissionPolicies, ...changes }),
  });

test("each weakening of who gets the credential changes the digest", () => {
  const { tee } = keyBroker;
  for (const changes of [
    { statuses: [...tee.statuses, "OutOfDate" as const] },
    { advisoriesAllowed: ["INTEL-SA-00001"] },
    { mrtd: [...tee.mrtd, "a".repeat(96)] },
    { rtmr0: [...tee.rtmr0, "a".repeat(96)] },
    { tdAttributes: [...tee.tdAttributes, "placeholder-attributes"] },
    { xfam: [...tee.xfam, "e718060000000000"] },
    { minTcbDate: "2020-01-01T00:00:00Z" },
    { minEvaluation: 1 },
    { platforms: [] },
    { platforms: [...tee.platforms, "a".repeat(32)] },
  ]) {
    assert.notEqual(withTee(changes), digest, JSON.stringify(changes));
  }
  const { keyBroker: _none, ...without } = production;
  assert.notEqual(digestOfPolicies(without), digest);
});

test("each weakening of how clusters are guarded changes the digest, and so does taking the guard away", () => {
  const { engines, scope } = admissionPolicies;
  assert.ok(scope.kind === "all-except" && engines?.policyController !== undefined);
  const { policyController, ...fewer } = engines;
  for (const changes of [
    { rollout: "warn" as const },
    { scope: { ...scope, exempt: [...scope.exempt, "default"] } },
    { scope: { kind: "only" as const, namespaces: ["neko"] } },
    { refuseRunning: "accept" as const },
    { perCluster: { workloads: { rollout: "warn" as const } } },
    { perCluster: { workloads: { engines: {} } } },
    { engines: fewer },
    { engines: { ...engines, policyController: { ...policyController, rollout: "warn" as const } } },
  ]) {
    assert.notEqual(withAdmission(changes), digest, JSON.stringify(changes));
  }
  const { admissionPolicies: _none, ...without } = production;
  assert.notEqual(digestOfPolicies(without), digest);
});

test("what is absent differs from what is empty, and the order of keys does not count", () => {
  const { engines: _engines, ...without } = admissionPolicies;
  const absent = digestOfPolicies({ ...production, admissionPolicies: without });
  assert.notEqual(digestOfPolicies({ ...production, admissionPolicies: { ...without, engines: {} } }), absent);
  const reversed = Object.fromEntries(Object.entries(admissionPolicies).toReversed()) as typeof admissionPolicies;
  assert.equal(digestOfPolicies({ ...production, admissionPolicies: reversed }), digest);
  // A key that is there without a value is what JSON has no word for: it is absent.
  assert.equal(digestOfPolicies({ ...production, admissionPolicies: { ...without, engines: undefined } }), absent);
});

test("what says nothing of trust leaves the digest as it is", () => {
  assert.equal(digestOfPolicies({ ...production, keyBroker: { ...keyBroker, tokenMinutes: 7 } }), digest);
});
