import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRunnerMatches, selectedWorkflows } from "../../../../components/build-runners/workflows.ts";
import { gceFields, runnersFields, runnersSettings } from "../../../support/build-runners.ts";
import { codeThrown } from "../../../support/failures.ts";
import { samplePolicy, sampleSigner } from "../../../support/policies.ts";

const sha = "0123456789abcdef0123456789abcdef01234567";
const file = "m1k1o/neko/.github/workflows/release.yml";
const group = (changes: object) => runnersSettings({ group: { ...runnersFields.group, ...changes } });
const failureCode = (call: () => unknown) => codeThrown(call, "accepted");
const policyOf = (...signers: object[]) =>
  samplePolicy({ signers: signers.map((one) => ({ ...sampleSigner, ...one })) });

test("a reusable workflow is listed by its commit", () => {
  const signerWorkflow = { repository: "neko-org/build", path: ".github/workflows/nix.yml", sha };
  assert.deepEqual(selectedWorkflows(policyOf({ signerWorkflow }), group({ refs: undefined })), [
    `neko-org/build/.github/workflows/nix.yml@${sha}`,
  ]);
});

test("exact refs of the source are listed as they are, a pattern as the refs that match it", () => {
  const policy = policyOf({ refs: ["refs/heads/main", "refs/tags/v*"] });
  assert.deepEqual(selectedWorkflows(policy, group({ refs: ["refs/tags/v3.2.0", "refs/tags/v3.1.0"] })), [
    `${file}@refs/heads/main`,
    `${file}@refs/tags/v3.1.0`,
    `${file}@refs/tags/v3.2.0`,
  ]);
});

test("a workflow that two signers share is listed once", () => {
  const policy = policyOf({}, { id: "scans" });
  assert.deepEqual(selectedWorkflows(policy, group({ signers: ["scans", "release"] })), [`${file}@refs/tags/v3.1.0`]);
});

test("refuses a pattern that nothing is listed for: GitHub takes exact refs only", () => {
  for (const refs of [undefined, []]) {
    assert.equal(
      failureCode(() => selectedWorkflows(samplePolicy(), group({ refs }))),
      "RUNNER_REF_NEEDED",
    );
  }
});

test("refuses a ref that no signer may sign for, also one below a pattern's segment", () => {
  for (const ref of ["refs/heads/main", "refs/tags/v1/x", "refs/tags/x"]) {
    assert.equal(
      failureCode(() => selectedWorkflows(samplePolicy(), group({ refs: [ref] }))),
      "RUNNER_REF_UNTRUSTED",
    );
  }
});

test("refuses signers that the policy does not have, or has revoked", () => {
  assert.equal(
    failureCode(() => selectedWorkflows(samplePolicy(), group({ signers: ["other"] }))),
    "RUNNER_SIGNER_UNKNOWN",
  );
  assert.equal(
    failureCode(() => selectedWorkflows(samplePolicy({ revoked: ["release"] }), group({}))),
    "RUNNER_SIGNER_REVOKED",
  );
});

test("what signs here must be a self-hosted signer, and the other way round", () => {
  const signing = (signs: boolean) => runnersSettings({ gce: { ...gceFields, signs } });
  const selfHosted = policyOf({ runner: "self-hosted" });
  assert.equal(
    failureCode(() => {
      assertRunnerMatches(samplePolicy(), signing(true));
    }),
    "RUNNER_SIGNER_HOSTED",
  );
  assert.equal(
    failureCode(() => {
      assertRunnerMatches(selfHosted, signing(false));
    }),
    "RUNNER_SIGNER_ELSEWHERE",
  );
  assertRunnerMatches(selfHosted, signing(true));
  assertRunnerMatches(samplePolicy(), signing(false));
  assertRunnerMatches(selfHosted, runnersSettings({ gce: undefined }));
});
