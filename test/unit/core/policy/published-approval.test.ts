import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  approvalDocument,
  approvalObject,
  approvedDigestIn,
  longestApproval,
  needsApproval,
} from "../../../../src/core/policy/published-approval.ts";
import { sampleDigest } from "../../../support/policies.ts";

const digest = sampleDigest("a");

test("what is published for an environment is read back for it, and for no other", () => {
  const text = approvalDocument("staging", digest);
  assert.equal(text, `{"environment":"staging","policyDigest":"${digest}","schema":1}`);
  assert.deepEqual(approvedDigestIn(text, "staging"), { ok: true, digest });
  assert.deepEqual(approvedDigestIn(text, "production"), {
    ok: false,
    why: "it is an approval for another environment",
  });
  assert.notEqual(approvalObject("staging"), approvalObject("production"));
});

test("anything else approves nothing", () => {
  const wrong = [
    "",
    "{}",
    "null",
    "[]",
    digest,
    `{"environment":"staging","policyDigest":"${digest}"}`,
    `{"environment":"staging","policyDigest":"${digest}","schema":2}`,
    `{"environment":"staging","policyDigest":"${digest}","schema":1,"also":1}`,
    `{"environment":"staging","policyDigest":"${digest}","policyDigest":"${sampleDigest("b")}","schema":1}`,
    `{"environment":"staging","policyDigest":"${digest.toUpperCase()}","schema":1}`,
    `{"environment":"staging","policyDigest":["${digest}"],"schema":1}`,
    `${approvalDocument("staging", digest)}x`,
    approvalDocument("staging", digest) + " ".repeat(longestApproval),
  ];
  for (const text of wrong) {
    assert.deepEqual(approvedDigestIn(text, "staging"), { ok: false, why: "it is no approval of this version" }, text);
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !approvedDigestIn(text, "staging").ok));
});

test("the environments of stacks are approved; those that only plan or build are not", () => {
  assert.deepEqual(["staging", "production", "staging-plan", "release", "local", ""].filter(needsApproval), [
    "staging",
    "production",
  ]);
});
