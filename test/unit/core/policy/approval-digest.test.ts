import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalBytes } from "../../../../src/core/json/canonical-json.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { approvalDigest, approvalRefusal } from "../../../../src/core/policy/approval-digest.ts";
import { samplePolicy } from "../../../support/policies.ts";

const policy = samplePolicy();
const digest = approvalDigest({ policy });

test("the digest changes with either policy, and not with the order of keys", () => {
  const reordered = Object.fromEntries(Object.entries(policy).reverse()) as typeof policy;
  assert.equal(approvalDigest({ policy: reordered }), digest);
  const weaker = { ...policy, require: { ...policy.require, sbom: [] } };
  assert.notEqual(approvalDigest({ policy: weaker }), digest);
  const withSigner = approvalDigest({ policy, signerPolicy: policy });
  assert.notEqual(withSigner, digest);
  assert.notEqual(approvalDigest({ policy, signerPolicy: weaker }), withSigner);
});

test("the digest is that of one canonical document, of this version", () => {
  const document = canonicalBytes({ admissionPolicies: {}, policy, version: 2 });
  assert.equal(approvalDigest({ policy, admission: {} }), digestOf(document));
  assert.notEqual(approvalDigest({ policy, admission: {} }), digest);
  assert.notEqual(digest, digestOf(canonicalBytes({ policy })), "version 1");
});

test("an approval of another digest refuses, whoever else approves", () => {
  const other = { by: "the platform stack", digest: `sha256:${"b".repeat(64)}`, required: false };
  const variable = { by: "the variable", digest, required: true };
  const refusal = approvalRefusal(digest, [variable, other]);
  assert.equal(refusal?.code, "POLICY_NOT_APPROVED");
  assert.deepEqual(refusal.details, [`the platform stack: ${other.digest}`]);
  assert.equal(approvalRefusal(digest, [variable]), undefined);
});

test("a required approval that is absent refuses; an absent one that is not required does not", () => {
  const absent = { by: "the variable", digest: undefined };
  assert.equal(approvalRefusal(digest, [{ ...absent, required: true }])?.code, "POLICY_APPROVAL_MISSING");
  assert.equal(approvalRefusal(digest, [{ ...absent, required: false }]), undefined);
});
