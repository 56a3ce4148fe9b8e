import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { engineNames } from "../../../components/admission-policies/settings.ts";
import { digestOfPolicies } from "../../../src/config/digest-of-policies.ts";
import { findPlaceholders, placeholderPath } from "../../../src/config/placeholders.ts";
import { readYamlConfig, stackNames } from "../../../src/config/read-config.ts";
import { sharedClaims, stackDocuments } from "../../../src/config/singletons.ts";

const checkout = join(import.meta.dirname, "..", "..", "..");
const folder = join(tmpdir(), "neko-no-such-state");
const directories = { checkout, state: folder, cache: folder, run: folder };
const stacks = stackNames(checkout).filter((stack) => stack !== "local");

test("the platform names the digest of each environment's policies", () => {
  const { ciSecrets } = readYamlConfig("platform", directories);
  const environments = ciSecrets?.environments ?? [];
  assert.ok(environments.length >= 4);
  for (const stack of ["staging", "production"]) {
    const digest = digestOfPolicies(readYamlConfig(stack, directories));
    const named = environments.filter(({ name }) => [stack, `${stack}-plan`, `${stack}-drift`].includes(name));
    assert.deepEqual(
      named.map(({ policyDigest }) => policyDigest),
      [digest, digest, digest],
      `after a change of ${stack}'s policies: neko-trust policy digest ${stack}`,
    );
  }
});

test("each environment reads its approval where the platform publishes it, and its identities reach no other's state", () => {
  const workload = readYamlConfig("platform", directories).ciSecrets?.workloadIdentity;
  for (const stack of ["staging", "production"]) {
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
  }
});

test("staging trusts what master signs and production what tags sign: bytes of both have one manifest under each", () => {
  const refsOf = (stack: string) => readYamlConfig(stack, directories).policy.signers.map(({ refs }) => refs);
  assert.deepEqual(refsOf("staging"), [["refs/heads/master"]]);
  assert.deepEqual(refsOf("production"), [["refs/tags/v*"]]);
});

test("production's rebuilder is a fork that publishes as rebuild.yml tells it, for Neko's image and for the signer's", () => {
  const { policy, signerRelease } = readYamlConfig("production", directories);
  assert.ok(signerRelease !== undefined);
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

test("production guards every namespace that it doesn't name, and enforces no engine that staging hasn't tried", () => {
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

test("what is another's in every installation is a placeholder: owner, gateway, collateral, addresses", () => {
  const left = stacks.flatMap((stack) =>
    findPlaceholders(readYamlConfig(stack, directories)).map((found) => `${stack} ${placeholderPath(found)}`),
  );
  const needed = [
    "platform githubOwner",
    "platform ciSecrets.repository.owner",
    "platform policy.signers.0.repository",
    "platform buildRunners.arc.apiServer.cidrs.0",
    "production keyBroker.trustee.postgres.peers.0.cidr",
    ...["staging", "production"].flatMap((stack) =>
      [
        "policy.signers.0.repository",
        "keyBroker.gateway.name",
        "keyBroker.gateway.namespace",
        "keyBroker.network.clients.0.namespace",
        "keyBroker.collateral.service",
        "keyBroker.collateral.peers.0.namespace",
      ].map((path) => `${stack} ${path}`),
    ),
  ];
  assert.deepEqual(
    needed.filter((path) => !left.includes(path)),
    [],
  );
});

for (const stack of stacks) {
  test(`stack ${stack} is right, claims nothing of another's, and says what is to be filled in`, () => {
    const config = readYamlConfig(stack, directories);
    assert.deepEqual(sharedClaims(stack, stackDocuments(checkout)), []);
    const left = findPlaceholders(config).map(({ description }) => description);
    assert.ok(left.length > 0, "it would be somebody's own by now");
    assert.ok(left.every((description) => description.length > 5));
  });
}
