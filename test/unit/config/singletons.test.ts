import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseSharedSingletons, sharedClaims } from "../../../src/config/singletons.ts";
import { failureOf, stackFiles, stagingConfig } from "../../support/stack-files.ts";

const platform = {
  githubOwner: "m1k1o",
  ghcrRepository: { name: "neko" },
  buildRunners: { group: { name: "release" } },
};
const staging = {
  clusters: [{ kubeconfig: "a.yaml", runs: ["workloads", "key-broker"] }],
  admissionPolicies: { name: "neko-trust" },
  keyBroker: { name: "neko-trust" },
  confidentialSigner: { name: "signer", project: { id: "staging" } },
};
const shared = (other: Record<string, unknown>, of: Record<string, unknown> = platform): string[] =>
  sharedClaims("one", new Map(Object.entries({ one: of, other })));

test("two stacks with things of their own share nothing", () => {
  assert.deepEqual(shared(staging), []);
  assert.deepEqual(
    shared({ ...staging, clusters: [{ kubeconfig: "b.yaml" }] }, { ...staging, confidentialSigner: {} }),
    [],
  );
});

test("a repository that two stacks claim is told, also where it is written in another case", () => {
  assert.deepEqual(shared({ githubOwner: "M1K1O", ghcrRepository: { name: "Neko" } }), [
    "ghcrRepository: the GitHub repository m1k1o/neko, claimed by stacks/Pulumi.other.yaml as well",
  ]);
});

test("an identity pool is claimed by its project and id, whatever repository it is for", () => {
  const pool = (name: string) => ({
    ciSecrets: { repository: { owner: "o", name }, workloadIdentity: { project: "platform", pool: { id: "ci" } } },
  });
  assert.deepEqual(shared(pool("a"), pool("b")), [
    "ciSecrets: the identity pool platform/ci, claimed by stacks/Pulumi.other.yaml as well",
  ]);
});

test("one cluster's objects, one project's signers and one runner group are claimed once each", () => {
  assert.deepEqual(
    shared({ ...staging, ...platform }, { ...staging, ...platform }).map((line) => line.split(":")[0]),
    ["ghcrRepository", "buildRunners", "confidentialSigner", "keyBroker", "admissionPolicies"],
  );
});

test("a stack whose file claims what another has is refused; the lab's claims nothing", (t) => {
  const files = stackFiles(t);
  files.write("one", stagingConfig({ githubOwner: "m1k1o" }));
  files.write("two", stagingConfig({ githubOwner: "m1k1o", clusters: [{ name: "b", kubeconfig: "other" }] }));
  files.write("local", stagingConfig());
  files.write("broken", "config: [");
  const { checkout } = files.directories;
  const failure = failureOf(() => {
    refuseSharedSingletons("two", checkout);
  });
  assert.equal(failure.code, "SINGLETON_CLAIMED_TWICE");
  assert.deepEqual(failure.details, [
    "ghcrRepository: the GitHub repository m1k1o/neko, claimed by stacks/Pulumi.one.yaml as well",
  ]);
  refuseSharedSingletons("local", checkout);
});
