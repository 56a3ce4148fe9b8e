import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { stackNames } from "../../src/config/read-config.ts";
import { planListing } from "../../src/report/plan-listing.ts";
import type { ListedResource } from "../../src/report/plan-listing.ts";
import { listedPlanOf } from "../support/cluster/stack-plan.ts";
import { checkout } from "../support/engine/engine-under-test.ts";

/**
 * docs/plans/<stack>.md is what the program plans. `make generate` writes the pages (NEKO_TRUST_WRITE_PLANS=1); without, a
 * difference fails. Stack local has no page: its digests are the lab's, new in every checkout.
 */

const stacks = stackNames(checkout).filter((stack) => stack !== "local");
const write = process.env["NEKO_TRUST_WRITE_PLANS"] === "1";
const plans = new Map<string, readonly ListedResource[]>();

test("platform, staging and production are there", () => {
  assert.deepEqual(stacks, ["platform", "production", "staging"]);
});

for (const stack of stacks) {
  test(`the plan of stack ${stack} is the one that its page lists`, async () => {
    const plan = await listedPlanOf(stack);
    plans.set(stack, plan);
    const page = planListing(stack, plan);
    const path = join(checkout, "docs", "plans", `${stack}.md`);
    if (write) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, page);
    }
    assert.ok(existsSync(path), `${path} is missing: write it with make generate`);
    assert.equal(readFileSync(path, "utf8"), page, "the plan changed: look at it, and write it with make generate");
  });
}

test("no two stacks create the same thing", () => {
  const seen = new Map<string, string>();
  for (const [stack, plan] of plans) {
    for (const { name, type, inputs } of plan) {
      const what = identityOf(type, inputs);
      if (what === undefined) continue;
      const before = seen.get(what);
      assert.ok(before === undefined || before === stack, `${stack} and ${before ?? ""} both create ${what} (${name})`);
      seen.set(what, stack);
    }
  }
  assert.ok(seen.size > 40, `only ${seen.size} resources have a place of their own`);
});

const names = ["name", "accountId", "workloadIdentityPoolId", "workloadIdentityPoolProviderId", "variableName"];
const places = [
  "project",
  "location",
  "region",
  "zone",
  "repository",
  "environment",
  "bucket",
  "managedZone",
  "keyRing",
];

/** A resource's name and where it lies, for kinds that have a name; clusters differ from stack to stack. */
function identityOf(type: string, inputs: ListedResource["inputs"]): string | undefined {
  if (type.startsWith("kubernetes:")) return undefined;
  const own = names.map((key) => inputs[key]).filter((value) => typeof value === "string");
  const parts = [...own, ...places.map((key) => inputs[key]).filter((value) => typeof value === "string")];
  // What lies in something that is yet to be made is as new as that.
  const unknown = parts.some((part) => part.startsWith("["));
  // Without a place it lies in its provider's project, which is the stack's own.
  const elsewhere = parts.length === own.length && !type.startsWith("github:");
  return own.length === 0 || unknown || elsewhere ? undefined : `${type} ${parts.join(" ")}`;
}
