import assert from "node:assert/strict";
import { test } from "node:test";
import { checkIdentity, refMatches } from "../../../../src/core/verify/check-identity.ts";
import type { CertificateClaims } from "../../../../src/core/sigstore/contract.ts";
import type { Signer } from "../../../../src/core/policy/trust-policy.ts";
import { sampleSigner } from "../../../support/policies.ts";

const uri = "https://github.com/m1k1o/neko/.github/workflows/release.yml@refs/tags/v1.2.3";

const claims: CertificateClaims = {
  issuer: sampleSigner.issuer,
  subjectAlternativeName: uri,
  buildSignerUri: uri,
  runnerEnvironment: "github-hosted",
  sourceRepositoryUri: "https://github.com/m1k1o/neko",
  sourceRepositoryDigest: "c".repeat(40),
  sourceRepositoryRef: "refs/tags/v1.2.3",
  sourceRepositoryId: sampleSigner.repositoryId,
  sourceRepositoryOwnerId: sampleSigner.ownerId,
  buildConfigUri: uri,
  buildTrigger: "push",
};

function codes(change: Partial<CertificateClaims>, signer: Signer = sampleSigner): string[] {
  const checked = checkIdentity({ ...claims, ...change }, signer, "test");
  return checked.ok ? [] : checked.findings.map((finding) => finding.code);
}

test("accepts the signer's own certificate", () => {
  assert.deepEqual(codes({}), []);
});

for (const [why, subjectAlternativeName] of [
  ["a suffix", `${uri}-evil`],
  ["a prefix", `https://evil.example/${uri}`],
  ["another character where the identity has a dot", uri.replace("github.com", "githubXcom")],
  ["another case", uri.replace("m1k1o", "M1K1O")],
  ["a plus", uri.replace("release", "rele+ase")],
  ["an e-mail address", "release@m1k1o.example"],
  ["nothing", ""],
] as const) {
  test(`T4: refuses a subject with ${why}`, () => {
    assert.deepEqual(codes({ subjectAlternativeName }), ["IDENTITY_SUBJECT_MISMATCH"]);
  });
}

test("refuses another issuer", () => {
  assert.deepEqual(codes({ issuer: "https://token.actions.githubusercontent.com/" }), ["IDENTITY_ISSUER_MISMATCH"]);
});

for (const field of [
  "buildSignerUri",
  "runnerEnvironment",
  "sourceRepositoryUri",
  "sourceRepositoryId",
  "sourceRepositoryOwnerId",
  "buildConfigUri",
] as const) {
  test(`refuses another ${field}, and a certificate without it`, () => {
    assert.deepEqual(codes({ [field]: `${claims[field] ?? ""}0` }), ["IDENTITY_EXTENSION_MISMATCH"]);
    const { [field]: _, ...without } = claims;
    const checked = checkIdentity(without, sampleSigner, "test");
    assert.deepEqual(checked.ok ? [] : checked.findings.map((finding) => finding.code), [
      "IDENTITY_EXTENSION_MISMATCH",
    ]);
  });
}

test("T18: refuses a self-hosted runner", () => {
  assert.deepEqual(codes({ runnerEnvironment: "self-hosted" }), ["IDENTITY_EXTENSION_MISMATCH"]);
});

test("refuses the triggers that share a subject with push", () => {
  assert.deepEqual(codes({ buildTrigger: "pull_request_target" }), ["IDENTITY_TRIGGER_NOT_ALLOWED"]);
  assert.deepEqual(codes({ buildTrigger: "workflow_run" }), ["IDENTITY_TRIGGER_NOT_ALLOWED"]);
});

test("refuses a deployment environment that the policy does not name, and its absence where it does", () => {
  assert.deepEqual(codes({ deploymentEnvironment: "production" }), ["IDENTITY_EXTENSION_MISMATCH"]);
  assert.deepEqual(codes({}, { ...sampleSigner, environment: "production" }), ["IDENTITY_EXTENSION_MISMATCH"]);
  assert.deepEqual(codes({ deploymentEnvironment: "production" }, { ...sampleSigner, environment: "production" }), []);
});

test("pins a reusable workflow by the commit that it ran from", () => {
  const sha = "d".repeat(40);
  const { ref: _, ...workflow } = { ...sampleSigner.callerWorkflow, ref: "source" };
  const signer: Signer = { ...sampleSigner, signerWorkflow: { ...workflow, sha } };
  const pinned = `https://github.com/m1k1o/neko/.github/workflows/release.yml@${sha}`;
  assert.deepEqual(
    codes({ subjectAlternativeName: pinned, buildSignerUri: pinned, buildSignerDigest: sha }, signer),
    [],
  );
  assert.deepEqual(codes({ subjectAlternativeName: pinned, buildSignerUri: pinned }, signer), [
    "IDENTITY_EXTENSION_MISMATCH",
  ]);
});

test("matches refs fully: a star stands for the rest of one segment, never for nothing", () => {
  assert.equal(refMatches("refs/tags/v1.2.3", ["refs/tags/v*"]), true);
  assert.equal(refMatches("refs/tags/v", ["refs/tags/v*"]), false);
  assert.equal(refMatches("refs/tags/v1/evil", ["refs/tags/v*"]), false);
  assert.equal(refMatches("refs/heads/main-evil", ["refs/heads/main"]), false);
  assert.equal(refMatches("xrefs/heads/main", ["refs/heads/main"]), false);
});
