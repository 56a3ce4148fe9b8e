import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { engineNames } from "../../../components/admission-policies/settings.ts";
import { digestOfPolicies } from "../../../src/config/digest-of-policies.ts";
import { findPlaceholders, placeholderPath } from "../../../src/config/placeholders.ts";
import { readYamlConfig, stackNames } from "../../../src/config/read-config.ts";
import { sharedClaims, stackDocuments } from "../../../src/config/singletons.ts";
import { deliveredStacks, isOwnStack, skipOwn } from "../../support/own-stacks.ts";

const checkout = join(import.meta.dirname, "..", "..", "..");
const folder = join(tmpdir(), "neko-no-such-state");
const directories = { checkout, state: folder, cache: folder, run: folder };
const stacks = stackNames(checkout).filter((stack) => stack !== "local");

for (const stack of ["staging", "production"]) {
  const skip = skipOwn(["platform", stack], "an update asks whether the platform approved its policies");

  test(`the platform names the digest of ${stack}'s policies for each of its environments`, { skip }, () => {
    const environments = readYamlConfig("platform", directories).ciSecrets?.environments ?? [];
    const digest = digestOfPolicies(readYamlConfig(stack, directories));
    const named = environments.filter(({ name }) => [stack, `${stack}-plan`, `${stack}-drift`].includes(name));
    assert.deepEqual(
      named.map(({ policyDigest }) => policyDigest),
      [digest, digest, digest],
      `after a change of ${stack}'s policies: neko-trust policy digest ${stack}`,
    );
  });

  test(
    `${stack} reads its approval where the platform publishes it; its identities reach no other's state`,
    { skip },
    () => {
      const workload = readYamlConfig("platform", directories).ciSecrets?.workloadIdentity;
      assert.equal(readYamlConfig(stack, directories).approvals?.bucket, workload?.approvals?.bucket);
      const deployment = workload?.deployments.find(({ apply }) => apply.environment === stack);
      for (const use of ["plan", "apply"] as const) {
        const grants = deployment?.[use].grants ?? [];
        const states = grants.flatMap(({ on }) => (on.kind === "stackState" ? [on.stack] : []));
        assert.deepEqual(states, [`organization/neko-trust/${stack}`]);
        for (const { on } of grants) {
          if (on.kind === "project") assert.equal(on.id, `placeholder-${stack}`);
          assert.notEqual(on.kind, "bucket");
        }
        assert.ok(grants.every(({ role }) => role !== "roles/viewer"));
      }
    },
  );
}

const approved = "its policies are what their reviewers approve";

// Bytes that both signed have one manifest under each.
for (const [stack, ref] of [
  ["staging", "refs/heads/master"],
  ["production", "refs/tags/v*"],
] as const) {
  test(`${stack} trusts what ${ref} signs, and nothing else`, { skip: skipOwn([stack], approved) }, () => {
    const { signers } = readYamlConfig(stack, directories).policy;
    assert.deepEqual(
      signers.map(({ refs }) => refs),
      [[ref]],
    );
  });
}

const skipRebuilders = skipOwn(["production"], approved);
test("production's rebuilder is a fork that publishes as rebuild.yml tells it", { skip: skipRebuilders }, () => {
  const { policy, signerRelease } = readYamlConfig("production", directories);
  assert.ok(signerRelease !== undefined);
  // For Neko's image and for the signer's.
  for (const { rebuilds } of [policy, signerRelease.policy]) {
    assert.equal(rebuilds.perPlatform, 1);
    for (const { identity, location } of rebuilds.rebuilders) {
      const [owner = ""] = identity.repository.split("/");
      assert.equal(identity.repository, `${owner}/neko`);
      assert.equal(location, `ghcr.io/${owner}/neko-rebuilds`);
      assert.deepEqual(identity.refs, ["refs/heads/master"]);
      const workflow = { repository: identity.repository, path: ".github/workflows/rebuild.yml" };
      assert.deepEqual([identity.signerWorkflow, identity.callerWorkflow], [{ ...workflow, ref: "source" }, workflow]);
    }
  }
});

const skipGuards = skipOwn(["production", "staging"], approved);
test("production guards all namespaces but those it names, by engines that staging tried", { skip: skipGuards }, () => {
  const [production, staging] = ["production", "staging"].map((stack) => readYamlConfig(stack, directories));
  const { scope, rollout, engines = {} } = production?.admissionPolicies ?? {};
  assert.deepEqual([scope?.kind, rollout], ["all-except", "enforce"]);
  const enforced = engineNames.filter((name) => engines[name] !== undefined);
  assert.ok(enforced.length > 0);
  assert.deepEqual(
    enforced.filter((name) => staging?.admissionPolicies?.engines?.[name] === undefined),
    [],
  );
});

const ofBroker = [
  "policy.signers.0.repository",
  "keyBroker.gateway.name",
  "keyBroker.gateway.namespace",
  "keyBroker.network.clients.0.namespace",
  "keyBroker.collateral.service",
  "keyBroker.collateral.peers.0.namespace",
];

/** What is another's in every installation: owner, gateway, collateral, addresses. */
const ofOthers: Readonly<Record<(typeof deliveredStacks)[number], readonly string[]>> = {
  platform: [
    "githubOwner",
    "ciSecrets.repository.owner",
    "policy.signers.0.repository",
    "buildRunners.arc.apiServer.cidrs.0",
  ],
  production: [...ofBroker, "keyBroker.trustee.postgres.peers.0.cidr"],
  staging: ofBroker,
};

for (const stack of deliveredStacks) {
  const skip = skipOwn([stack], "an update refuses the placeholders that are left in it");
  test(`what is another's in every installation is a placeholder in ${stack}, and says what it is`, { skip }, () => {
    const found = findPlaceholders(readYamlConfig(stack, directories));
    const paths = found.map(placeholderPath);
    assert.deepEqual(
      ofOthers[stack].filter((path) => !paths.includes(path)),
      [],
    );
    assert.ok(found.every(({ description }) => description.length > 5));
  });
}

test("no stack is nobody's but those that are delivered, and each of these is there", () => {
  const nobodys = stacks.filter((stack) => !isOwnStack(stack));
  assert.deepEqual([...new Set([...nobodys, ...deliveredStacks])].sort(), deliveredStacks);
  for (const stack of deliveredStacks) assert.ok(stacks.includes(stack), stack);
});

for (const stack of stacks) {
  test(`stack ${stack} is right, and claims nothing of another's`, () => {
    readYamlConfig(stack, directories);
    assert.deepEqual(sharedClaims(stack, stackDocuments(checkout)), []);
  });
}
