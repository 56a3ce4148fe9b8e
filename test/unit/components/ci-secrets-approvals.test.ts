import assert from "node:assert/strict";
import { test } from "node:test";
import { approvedDigestIn } from "../../../src/core/policy/published-approval.ts";
import { answering, make } from "../../support/ci-secrets-component.ts";
import { ciSecretsFields } from "../../support/ci-secrets.ts";
import { secretIn, startMocks } from "../../support/mocks.ts";

test("what was approved is published for the environments of stacks, and read by their own identities alone", async () => {
  const mocks = await startMocks(answering);
  make();
  await mocks.settled();
  const bucket = mocks.named("ci-approvals");
  assert.deepEqual(
    ["name", "project", "uniformBucketLevelAccess", "publicAccessPrevention", "forceDestroy"].map(
      (key) => bucket.inputs[key],
    ),
    ["neko-approvals", "neko-ci", true, "enforced", false],
  );
  assert.deepEqual(
    [bucket.inputs["versioning"], bucket.protect, bucket.retainOnDelete],
    [{ enabled: true }, true, true],
  );
  const objects = mocks.resources.filter(({ type }) => type.endsWith(":BucketObject"));
  assert.deepEqual(
    objects.map(({ inputs }) => [inputs["bucket"], inputs["name"]]),
    [["neko-approvals", "approvals/production.json"]],
  );
  const content = objects[0]?.inputs["content"];
  const text = secretIn(content) ?? content;
  assert.ok(typeof text === "string");
  assert.deepEqual(approvedDigestIn(text, "production"), { ok: true, digest: `sha256:${"0".repeat(64)}` });
  const readers = mocks.resources.filter(
    ({ inputs }) => inputs["bucket"] === "neko-approvals" && inputs["role"] !== undefined,
  );
  assert.deepEqual(readers.map(({ name, inputs }) => [name, inputs["role"]]).toSorted(), [
    ["ci-production-apply-approval", "roles/storage.objectViewer"],
    ["ci-production-plan-approval", "roles/storage.objectViewer"],
  ]);
});

test("no role on a bucket of states or approvals comes without its condition", async () => {
  const mocks = await startMocks(answering);
  make();
  await mocks.settled();
  const roles = mocks.resources.filter(({ type }) => type.endsWith(":BucketIAMMember"));
  assert.equal(roles.length, 5);
  for (const { name, inputs } of roles) {
    const { expression } = inputs["condition"] as { expression: string };
    assert.match(expression, /^resource\.name/, name);
    assert.equal(expression.includes("platform"), false);
  }
});

test("without approvals in the settings nothing is published, and nobody reads", async () => {
  const mocks = await startMocks(answering);
  const { approvals: _none, ...workloadIdentity } = ciSecretsFields.workloadIdentity;
  make({ workloadIdentity });
  await mocks.settled();
  assert.deepEqual(
    mocks.resources.filter(({ name }) => name.includes("approval")),
    [],
  );
});
