import assert from "node:assert/strict";
import { test } from "node:test";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import { samplePolicyFields, sampleSigner } from "../../../support/policies.ts";

function faultsOf(changes: Readonly<Record<string, unknown>>): string[] {
  const parsed = trustPolicySchema.safeParse({ ...structuredClone(samplePolicyFields), ...changes });
  return parsed.success ? [] : parsed.error.issues.map((issue) => issue.path.join("."));
}

test("accepts the sample", () => {
  assert.deepEqual(faultsOf({}), []);
});

test("refuses an unknown key at every level", () => {
  assert.deepEqual(faultsOf({ mode: "warn" }), [""]);
  assert.deepEqual(faultsOf({ roots: { ...samplePolicyFields.roots, insecureIgnoreTlog: true } }), ["roots"]);
  assert.deepEqual(faultsOf({ signers: [{ ...sampleSigner, subjectRegExp: ".*" }] }), ["signers.0"]);
});

test("refuses thresholds of zero", () => {
  assert.deepEqual(faultsOf({ roots: { ...samplePolicyFields.roots, tlog: 0, ct: 0, tsa: 0 } }), [
    "roots.tlog",
    "roots.ct",
    "roots.tsa",
  ]);
});

test("refuses a policy that trusts nobody", () => {
  assert.deepEqual(faultsOf({ require: { signature: [], manifest: [], provenance: [], sbom: [] } }), ["require"]);
});

test("refuses production without every kind of statement", () => {
  const require = { ...samplePolicyFields.require, sbom: [] };
  assert.deepEqual(faultsOf({ environment: "production", require }), ["require.sbom"]);
  assert.deepEqual(faultsOf({ environment: "staging", require }), []);
});

test("refuses a required signer that does not exist, and two signers of one id", () => {
  assert.deepEqual(faultsOf({ require: { ...samplePolicyFields.require, sbom: ["nobody"] } }), ["require.sbom.0"]);
  assert.deepEqual(faultsOf({ signers: [sampleSigner, sampleSigner] }), ["signers.1.id"]);
});

for (const [why, change] of [
  ["a blank issuer", { issuer: "" }],
  ["an issuer over http", { issuer: "http://token.actions.githubusercontent.com" }],
  ["an issuer with credentials", { issuer: "https://user@token.actions.githubusercontent.com" }],
  ["a blank repository", { repository: " " }],
  ["a repository pattern", { repository: "m1k1o/*" }],
  ["an id that is a name", { repositoryId: "neko" }],
  ["no ref", { refs: [] }],
  ["a star in the middle of a ref", { refs: ["refs/*/main"] }],
  ["a ref that is no ref", { refs: ["main"] }],
  ["no trigger", { triggers: [] }],
  ["the trigger pull_request_target", { triggers: ["pull_request_target"] }],
  ["a runner of any kind", { runner: "any" }],
  ["a short commit", { signerWorkflow: { ...sampleSigner.callerWorkflow, sha: "abc" } }],
  ["a workflow elsewhere", { callerWorkflow: { repository: "m1k1o/neko", path: "../release.yml" } }],
] as const) {
  test(`refuses a signer with ${why}`, () => {
    assert.notDeepEqual(faultsOf({ signers: [{ ...sampleSigner, ...change }] }), []);
  });
}
