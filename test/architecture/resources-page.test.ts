import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { componentTypes, plannedTypes, resourcesPage } from "../../dev/resources-page.ts";
import { purposeOf } from "../../src/report/resource-purposes.ts";

const plans = join(import.meta.dirname, "..", "..", "docs", "plans");

test("every type that a component's sources make is explained, switched on in a committed stack or not", () => {
  const components = componentTypes();
  assert.deepEqual(
    components.map(({ component }) => component),
    ["AdmissionPolicies", "BuildRunners", "CiSecrets", "ConfidentialSigner", "GhcrRepository", "KeyBroker"],
  );
  for (const { types } of components) {
    assert.ok(types.length > 0);
    for (const type of types) assert.ok(purposeOf(type).purpose.length > 5);
  }
});

test("what a plan has of a component, its sources make: custom objects aside, nothing is planned from elsewhere", () => {
  const made = new Map(componentTypes().map(({ component, types }) => [component, types]));
  const custom =
    /^kubernetes:(?:[a-z0-9-]+\.)*(?:kyverno\.io|sigstore\.dev|gatekeeper\.sh|gateway\.networking\.k8s\.io)\//;
  for (const { counts } of plannedTypes()) {
    for (const [component, types] of counts) {
      const others = [...types.keys()].filter(
        (type) => !(made.get(component) ?? []).includes(type) && !custom.test(type),
      );
      assert.deepEqual(others, [], component);
    }
  }
});

test("the counts are the plans' own, and no resource is lost", () => {
  for (const { stack, counts } of plannedTypes()) {
    const page = readFileSync(join(plans, `${stack}.md`), "utf8");
    const totals = new Map([...page.matchAll(/^\| (\w+) \| ([0-9]+) \|$/gm)].map(([, name, count]) => [name, count]));
    const counted = [...counts].map(
      ([name, types]) => [name, [...types.values()].reduce((sum, one) => sum + one, 0)] as const,
    );
    for (const [name, count] of counted) assert.equal(String(count), totals.get(name), `${stack} ${name}`);
    assert.equal(String(counted.reduce((sum, [, count]) => sum + count, 0)), totals.get("all"), stack);
  }
  assert.match(resourcesPage(), /\| all \|  \|  \| [0-9]+ \| [0-9]+ \|/);
});
