import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { labMachine } from "../../../../lab/tdx/lab-machine.ts";
import { createTdxPki } from "../../../../lab/tdx/pki.ts";
import { simulatePlatform } from "../../../../lab/tdx/platform.ts";
import { statusOutcome } from "../../../../src/cli/actions/attested-key.ts";
import { policyDigest } from "../../../../src/core/policy/policy-digest.ts";
import { attestSelf } from "../../../../src/operations/attested-key/attest-self.ts";
import { readImagePolicy } from "../../../../src/operations/attested-key/image-policy.ts";
import { readPolicyFile } from "../../../../src/operations/read-policy-file.ts";
import { codeThrown } from "../../../support/failures.ts";

const policyFile = join(import.meta.dirname, "..", "..", "..", "..", "policy", "example-trust-policy.yaml");
const now = (): Date => new Date();

async function attested() {
  const platform = simulatePlatform({
    pki: createTdxPki({ now: new Date(Date.now() - 60_000) }),
    ...labMachine(),
    now,
  });
  return attestSelf({ attester: platform, collateral: platform, trust: platform.trust, now });
}

test("status shows the digest of the image's policy beside what the machine measured", async () => {
  const digest = policyDigest(readPolicyFile(policyFile));
  // Named, or found where the image has it.
  for (const policy of [readImagePolicy(policyFile), readImagePolicy(undefined, policyFile)]) {
    const { exitCode, lines, document } = statusOutcome(await attested(), policy);
    assert.equal(exitCode, 0);
    assert.ok(lines.some((line) => line.startsWith(`  policy ${digest} (`)));
    assert.deepEqual((document as { policy: unknown }).policy, policy);
    assert.equal(policy?.digest, digest);
  }
});

test("a machine without a policy says so, and one that was named has to be there", async () => {
  const { lines, document } = statusOutcome(await attested(), readImagePolicy(undefined, "/nonexistent/policy.yaml"));
  assert.ok(lines.some((line) => line.startsWith("  policy none at /etc/neko-trust/policy.yaml")));
  assert.ok(!("policy" in (document as object)));
  assert.equal(
    codeThrown(() => readImagePolicy("/nonexistent/policy.yaml"), "read"),
    "POLICY_UNREADABLE",
  );
});
