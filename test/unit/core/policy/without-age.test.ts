import assert from "node:assert/strict";
import { test } from "node:test";
import { durationMilliseconds } from "../../../../src/core/duration.ts";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import { withoutAge } from "../../../../src/core/policy/without-age.ts";
import { samplePolicy } from "../../../support/policies.ts";

test("takes away version, age and scans, and nothing else; the result is a policy", () => {
  const policy = samplePolicy({
    vulnerabilities: { signers: ["release"], maxAge: "1d", refuse: "low", vex: "ignore" },
    revoked: [`sha256:${"1".repeat(64)}`],
  });
  const { vulnerabilities, freshness, ...rest } = withoutAge(policy);
  const { vulnerabilities: _scans, freshness: before, ...others } = policy;
  assert.equal(vulnerabilities, undefined);
  assert.deepEqual(rest, others);
  assert.deepEqual(freshness, { ...before, minVersion: "0.0.0-0", maxAge: "999999d" });
  assert.deepEqual(trustPolicySchema.parse(withoutAge(policy)), withoutAge(policy));
  assert.ok(durationMilliseconds(freshness.maxAge) > 1000 * 365 * 24 * 3600 * 1000);
});
