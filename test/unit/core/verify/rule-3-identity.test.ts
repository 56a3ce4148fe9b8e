import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../../src/core/failure.ts";
import { verifyBundle } from "../../../../src/core/sigstore/verify-bundle.ts";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import { withValues } from "../../../support/documents.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import type { StatementChange } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();

async function codesWith(change: StatementChange): Promise<readonly string[]> {
  return codesOf(lab.verify({ evidence: await lab.replacing("signature", change) }));
}

for (const [why, change, codes] of [
  ["T18: a self-hosted runner", { run: { runner: "self-hosted" } }, ["IDENTITY_EXTENSION_MISMATCH"]],
  ["another owner of the same names", { run: { ownerId: "1002" } }, ["IDENTITY_EXTENSION_MISMATCH"]],
  ["another repository of the same name", { run: { repositoryId: "1003" } }, ["IDENTITY_EXTENSION_MISMATCH"]],
  ["a branch where tags sign", { run: { ref: "refs/heads/main" } }, ["IDENTITY_REF_NOT_ALLOWED"]],
  ["a tag below the pattern", { run: { ref: "refs/tags/v1.2.3/evil" } }, ["IDENTITY_REF_NOT_ALLOWED"]],
  ["pull_request_target", { run: { trigger: "pull_request_target" } }, ["IDENTITY_TRIGGER_NOT_ALLOWED"]],
  ["workflow_run", { run: { trigger: "workflow_run" } }, ["IDENTITY_TRIGGER_NOT_ALLOWED"]],
  ["a deployment environment", { run: { environment: "pages" } }, ["IDENTITY_EXTENSION_MISMATCH"]],
  [
    "another repository",
    { run: { repository: "m1k1o/neko-evil" } },
    [
      "IDENTITY_SUBJECT_MISMATCH",
      "IDENTITY_EXTENSION_MISMATCH", // signer workflow
      "IDENTITY_EXTENSION_MISMATCH", // source repository
      "IDENTITY_EXTENSION_MISMATCH", // calling workflow
    ],
  ],
  [
    "another workflow of the repository",
    { run: { workflowPath: ".github/workflows/nightly.yml" } },
    ["IDENTITY_SUBJECT_MISMATCH", "IDENTITY_EXTENSION_MISMATCH", "IDENTITY_EXTENSION_MISMATCH"],
  ],
  [
    "a stranger's workflow that calls the trusted one",
    { claims: { workflow_ref: "m1k1o/neko/.github/workflows/other.yml@refs/tags/v1.2.3" } },
    ["IDENTITY_EXTENSION_MISMATCH"],
  ],
  [
    "a reusable workflow of somebody else",
    { run: { signer: { workflowRef: "evil/sign/.github/workflows/sign.yml@refs/heads/main", sha: "e".repeat(40) } } },
    ["IDENTITY_SUBJECT_MISMATCH", "IDENTITY_EXTENSION_MISMATCH"],
  ],
] as const satisfies readonly (readonly [string, StatementChange, readonly string[]])[]) {
  test(`refuses a signature by ${why}`, async () => {
    assert.deepEqual(await codesWith(change), codes);
  });
}

test("takes a signature of a reusable workflow that is pinned by its commit, at no other commit", async () => {
  const sha = "d".repeat(40);
  const signer = (pinned: string) => ({
    signerWorkflow: { repository: "m1k1o/sign", path: ".github/workflows/sign.yml", sha: pinned },
  });
  const policy = lab.policyWith({
    signers: [...lab.policy.signers, { ...lab.policy.signers[0], id: "reusable", ...signer(sha) }],
    "require.signature": ["reusable"],
  });
  const at = async (commit: string): Promise<readonly string[]> => {
    const run = { signer: { workflowRef: `m1k1o/sign/.github/workflows/sign.yml@${commit}`, sha: commit } };
    return codesOf(lab.verify({ policy, evidence: await lab.replacing("signature", { run }) }));
  };
  assert.deepEqual(await at(sha), []);
  assert.deepEqual(await at("e".repeat(40)), [
    "IDENTITY_SUBJECT_MISMATCH",
    "IDENTITY_EXTENSION_MISMATCH",
    "IDENTITY_EXTENSION_MISMATCH",
  ]);
});

test("takes one of several signers, and says why none fits", () => {
  const other = { ...lab.policy.signers[0], id: "other", ownerId: "7" };
  const signers = [other, ...lab.policy.signers];
  const both = lab.policyWith({ signers, "require.signature": ["other", "release"] });
  assert.deepEqual(codesOf(lab.verify({ policy: both })), []);
  const wrong = lab.policyWith({ signers, "require.signature": ["other"] });
  assert.deepEqual(codesOf(lab.verify({ policy: wrong })), ["IDENTITY_EXTENSION_MISMATCH"]);
});

test("each kind of statement has its own signers", () => {
  const other = { ...lab.policy.signers[0], id: "other", ownerId: "9" };
  for (const kind of ["signature", "manifest", "provenance", "sbom"] as const) {
    const policy = lab.policyWith({ signers: [...lab.policy.signers, other], [`require.${kind}`]: ["other"] });
    const codes = codesOf(lab.verify({ policy }));
    assert.ok(codes.includes("IDENTITY_EXTENSION_MISMATCH"), `${kind}: ${codes.join()}`);
  }
});

for (const value of ["", " ", "https://", " https://token.neko-lab.test", undefined]) {
  test(`T5: refuses the issuer ${JSON.stringify(value)} in a policy, before anything is read`, () => {
    const policy = withValues(lab.policy, { "signers.0.issuer": value });
    assert.equal(trustPolicySchema.safeParse(policy).success, false);
  });
}

test("T5: refuses an empty or blank identity that is expected of a bundle", () => {
  const bundle = new Uint8Array();
  const subject = { kind: "digest", algorithm: "sha256", hex: "0".repeat(64) } as const;
  for (const part of ["", " ", "\t", "x "]) {
    for (const identity of [
      { issuer: part, subject: "s" },
      { issuer: "i", subject: part },
    ]) {
      assert.throws(
        () =>
          verifyBundle({ bundle, root: lab.sigstore.root, thresholds: { tlog: 1, ct: 1, tsa: 1 }, identity, subject }),
        (error: unknown) => error instanceof Failure && error.code === "IDENTITY_EMPTY" && error.kind === "usage",
      );
    }
  }
});
