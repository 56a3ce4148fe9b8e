import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { requireApprovedPolicies } from "../../../src/config/approved-policies.ts";
import { digestOfPolicies } from "../../../src/config/digest-of-policies.ts";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import type { StackConfig } from "../../../src/config/stack-config.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { startMocks } from "../../support/mocks.ts";
import { stackFiles, stagingConfig } from "../../support/stack-files.ts";

const referenceType = "pulumi:pulumi:StackReference";
const other = `sha256:${"e".repeat(64)}`;

/** A stack that names a platform, whose outputs are these. */
async function stack(
  t: TestContext,
  environment: "staging" | "production",
  approved: Record<string, unknown> | undefined,
): Promise<StackConfig> {
  await startMocks({
    outputs: (type) =>
      type === referenceType ? { outputs: approved === undefined ? {} : { approvedPolicies: approved } } : {},
  });
  const files = stackFiles(t);
  files.write(
    environment,
    stagingConfig({
      "policy.environment": environment,
      platformStack: "organization/neko-trust/platform",
      ghcrRepository: undefined,
    }),
  );
  return readYamlConfig(environment, files.directories);
}

const update = { environment: {}, offline: false, dryRun: false };

test("an update goes on when the platform, and in production the variable too, name the policies' digest", async (t) => {
  const first = await stack(t, "staging", undefined);
  const digest = digestOfPolicies(first);
  await requireApprovedPolicies(await stack(t, "staging", { staging: digest }), update);
  const production = await stack(t, "production", {});
  const own = digestOfPolicies(production);
  const environment = { NEKO_TRUST_POLICY_DIGEST: own };
  await requireApprovedPolicies(await stack(t, "production", { production: own }), { ...update, environment });
});

test("a policy that was weakened against the approved digest is refused, by either approval", async (t) => {
  const digest = digestOfPolicies(await stack(t, "production", undefined));
  for (const [approved, variable] of [
    [other, digest],
    [digest, other],
  ] as const) {
    const config = await stack(t, "production", { production: approved });
    const environment = { NEKO_TRUST_POLICY_DIGEST: variable };
    assert.equal(
      await failureCodeOf(requireApprovedPolicies(config, { ...update, environment })),
      "POLICY_NOT_APPROVED",
    );
  }
});

test("production without the variable is refused, whatever a state says; so is a platform that approves nothing", async (t) => {
  const digest = digestOfPolicies(await stack(t, "production", undefined));
  const withState = await stack(t, "production", { production: digest });
  assert.equal(await failureCodeOf(requireApprovedPolicies(withState, update)), "POLICY_APPROVAL_MISSING");
  const environment = { NEKO_TRUST_POLICY_DIGEST: digest };
  for (const approved of [undefined, {}, { staging: digest }, { production: 7 }]) {
    const config = await stack(t, "production", approved);
    assert.equal(
      await failureCodeOf(requireApprovedPolicies(config, { ...update, environment })),
      "POLICY_APPROVAL_MISSING",
      JSON.stringify(approved),
    );
  }
});

test("a stack that leaves its platform out is held to the variable all the same", async (t) => {
  const named = await stack(t, "production", undefined);
  const config: StackConfig = { ...named, platformStack: undefined };
  assert.equal(await failureCodeOf(requireApprovedPolicies(config, update)), "POLICY_APPROVAL_MISSING");
  const changed = { ...update, environment: { NEKO_TRUST_POLICY_DIGEST: other } };
  assert.equal(await failureCodeOf(requireApprovedPolicies(config, changed)), "POLICY_NOT_APPROVED");
  const environment = { NEKO_TRUST_POLICY_DIGEST: digestOfPolicies(config) };
  await requireApprovedPolicies(config, { ...update, environment });
  await requireApprovedPolicies({ ...config, admissionPolicies: undefined }, update);
});

test("a preview warns of what an update would refuse, and an offline one asks no stack", async (t) => {
  const warnings: string[] = [];
  t.mock.method(pulumi.log, "warn", (message: string) => {
    warnings.push(message);
    return Promise.resolve();
  });
  const config = await stack(t, "staging", { staging: other });
  await requireApprovedPolicies(config, { ...update, dryRun: true });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /^An update would be refused: .*another one was approved/);
  const mocks = await startMocks({ preview: true });
  await requireApprovedPolicies(config, { ...update, dryRun: true, offline: true });
  await mocks.settled();
  assert.deepEqual(mocks.resources, []);
  assert.equal(warnings.length, 1);
});
