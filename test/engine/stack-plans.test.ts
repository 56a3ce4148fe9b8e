import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { planListing } from "../../src/report/plan-listing.ts";
import type { ListedResource } from "../../src/report/plan-listing.ts";
import { listedPlanOf } from "../support/cluster/stack-plan.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import { deliveredStacks, skipOwn } from "../support/own-stacks.ts";

/**
 * docs/plans/<stack>.md is what the program plans of a stack as it is delivered. `make generate` writes the pages
 * (NEKO_TRUST_WRITE_PLANS=1); without, a difference fails. Once a stack is an installation's own, its page stays the
 * example's. Stack local has no page: its digests are the lab's, new in every checkout.
 */

const pages = join(checkout, "docs", "plans");
const write = process.env["NEKO_TRUST_WRITE_PLANS"] === "1";
const plans = new Map<string, readonly ListedResource[]>();

for (const stack of deliveredStacks) {
  const skip = skipOwn([stack], `make preview STACK=${stack} OFFLINE=1 shows its plan`);
  test(`the plan of stack ${stack} is the one that its page lists`, { skip }, async () => {
    const plan = await listedPlanOf(stack);
    plans.set(stack, plan);
    const page = planListing(stack, plan);
    const path = join(pages, `${stack}.md`);
    if (write) {
      mkdirSync(pages, { recursive: true });
      writeFileSync(path, page);
    }
    assert.ok(existsSync(path), `${path} is missing: write it with make generate`);
    assert.equal(readFileSync(path, "utf8"), page, "the plan changed: look at it, and write it with make generate");
  });
}

test("each delivered stack has a page, and nothing else has one", () => {
  const found = readdirSync(pages).sort();
  assert.deepEqual(
    found,
    deliveredStacks.map((stack) => `${stack}.md`),
  );
});

const skipClaims = skipOwn(deliveredStacks, "an update refuses what another stack claims");
test("no two stacks create the same thing", { skip: skipClaims }, () => {
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
