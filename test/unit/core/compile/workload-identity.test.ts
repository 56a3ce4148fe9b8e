import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate } from "@marcbachmann/cel-js";
import fc from "fast-check";
import { requirements } from "../../../../src/core/compile/requirement.ts";
import { celString } from "../../../../src/core/compile/workload-identity/cel.ts";
import { compile, longestSubject } from "../../../../src/core/compile/workload-identity/compile.ts";
import type { WorkloadIdentity } from "../../../../src/core/compile/workload-identity/compile.ts";
import { conditionOf } from "../../../../src/core/compile/workload-identity/condition.ts";
import { support } from "../../../../src/core/compile/workload-identity/support.ts";
import { refMatches } from "../../../../src/core/verify/check-identity.ts";
import { codeThrown } from "../../../support/failures.ts";
import { sampleSigner } from "../../../support/policies.ts";
import {
  accepts,
  claimsCases,
  identitiesPolicy,
  mapped,
  sampleIdentities,
} from "../../../support/workload-identity.ts";

const policy = identitiesPolicy();
const providers = compile(policy, sampleIdentities);
const [applies] = sampleIdentities;
const codeOf = (call: () => unknown): string => codeThrown(call, "accepted");
const named = (id: string) => providers.find((provider) => provider.id === id) ?? assert.fail(id);
const refusal = (...identities: readonly WorkloadIdentity[]) => codeOf(() => compile(policy, identities));
const applyWith = (changes: object): WorkloadIdentity => ({ ...applies, caller: { ...applies.caller, ...changes } });

for (const { name, identity, claims } of claimsCases("good")) {
  test(`${name}: accepted by ${identity}, and by no other provider`, () => {
    const accepting = providers.filter(({ attributeCondition }) => accepts(attributeCondition, claims));
    assert.deepEqual(
      accepting.map(({ id }) => id),
      [identity],
    );
  });
}

for (const { name, identity, claims } of claimsCases("bad")) {
  test(`${name}: refused by ${identity}`, () => {
    assert.equal(accepts(named(identity).attributeCondition, claims), false);
  });
}

test("every claim that a good token is judged by refuses when it is missing, empty or of another type", () => {
  for (const { name, identity, claims } of claimsCases("good")) {
    const { attributeCondition } = named(identity);
    const read = [...attributeCondition.matchAll(/assertion\.([a-z_]+)/g)].map(([, claim = ""]) => claim);
    for (const claim of new Set(read.filter((one) => one in claims))) {
      for (const value of ["", 0, true, [claims[claim]], { value: claims[claim] }]) {
        assert.equal(accepts(attributeCondition, { ...claims, [claim]: value }), false, `${name}: ${claim}`);
      }
      const without = Object.fromEntries(Object.entries(claims).filter(([key]) => key !== claim));
      assert.equal(accepts(attributeCondition, without), false, `${name}: no ${claim}`);
    }
  }
});

test("a principal holds the provider's own name: another provider of the pool can't give it", () => {
  for (const { identity, claims } of claimsCases("good")) {
    const principals = providers.map(({ attributeMapping }) => mapped(attributeMapping["attribute.identity"], claims));
    assert.equal(new Set(principals).size, providers.length);
    assert.equal(mapped(named(identity).attributeMapping["attribute.identity"], claims), named(identity).principal);
  }
});

test("the subject leads to the run and keeps Google's 127 bytes with the longest of ids", () => {
  const claims = { repository_id: "9".repeat(20), run_id: "9".repeat(20), run_attempt: "9".repeat(20) };
  for (const { id, attributeMapping } of providers) {
    const subject = mapped(attributeMapping["google.subject"], claims);
    assert.ok(typeof subject === "string");
    assert.equal(subject.length, longestSubject(id));
  }
  assert.ok(longestSubject("x".repeat(32)) <= 127);
});

test("neither the subject nor a name of the source repository is read", () => {
  for (const { attributeCondition, attributeMapping } of providers) {
    const text = JSON.stringify([attributeCondition, attributeMapping]);
    assert.doesNotMatch(text, /assertion\.(?:sub|repository|repository_owner|actor)\b(?!_)/);
  }
});

test("a condition takes the refs that verification takes, and no others", () => {
  const segment = fc.string({ unit: fc.constantFrom("v", "1", ".", "/", "*", "e\u0301", " ", "'", "\\", "$", "(") });
  const refs = fc.array(
    segment.map((text) => `refs/heads/${text.replaceAll(/[*\s]/g, "")}`),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(refs, fc.boolean(), segment, (exact, star, rest) => {
      const patterns = exact.map((ref) => (star ? `${ref}*` : ref));
      const ref = `${exact[0] ?? ""}${star ? rest : ""}`;
      const condition = conditionOf({ ...sampleSigner, refs: patterns });
      const workflow = `m1k1o/neko/.github/workflows/release.yml@${ref}`;
      const claims = {
        ...{ repository_owner_id: "34362", repository_id: "223413321", ref, event_name: "push" },
        ...{ workflow_ref: workflow, job_workflow_ref: workflow, runner_environment: "github-hosted" },
      };
      // Verification takes printable ASCII only; a condition for one exact ref compares that ref, whatever it is.
      const printable = /^[\x21-\x7e]+$/.test(ref) && !ref.includes("//") && !ref.endsWith("/");
      if (printable || !star)
        assert.equal(accepts(condition, claims), refMatches(ref, patterns), `${ref} ${condition}`);
      else assert.equal(accepts(condition, claims), false);
    }),
  );
});

test("no text ends its literal: what is quoted is read back as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const literal = celString(text);
      assert.match(literal, /^'[\x20-\x7e]*'$/);
      assert.equal(evaluate(literal), text);
    }),
  );
  assert.equal(
    codeOf(() => celString("\ud800")),
    "WORKLOAD_IDENTITY_TEXT",
  );
});

test("a setting that looks like CEL stays a text", () => {
  const environment = "x' || true || 'x";
  const [provider = assert.fail()] = compile(policy, [applyWith({ environment })]);
  const [good = assert.fail()] = claimsCases("good");
  assert.equal(accepts(provider.attributeCondition, good.claims), false);
  assert.equal(accepts(provider.attributeCondition, { ...good.claims, environment }), true);
});

test("the same identities in any order give the same providers, sorted", () => {
  assert.deepEqual(compile(policy, sampleIdentities.toReversed()), providers);
  const reordered = applyWith({ triggers: applies.caller.triggers.toReversed() });
  assert.deepEqual(compile(policy, [reordered]), compile(policy, [applies]));
});

test("refuses identities that can't be, that meet, that nobody signs for, or that the policy revokes", () => {
  for (const id of ["", "abc", "x".repeat(33), "gcp-apply", "Apply", "a_b_c", "a'b'c"]) {
    assert.equal(refusal({ ...applies, id }), "WORKLOAD_IDENTITY_ID", id);
  }
  assert.equal(refusal(applies, applies), "WORKLOAD_IDENTITY_REPEATED");
  const same = { ...applyWith({ environment: "Production" }), use: "plan" as const, id: "other" };
  assert.equal(refusal(applies, same as WorkloadIdentity), "WORKLOAD_IDENTITY_OVERLAP");
  assert.equal(refusal({ use: "build", id: "build", signer: "nobody" }), "WORKLOAD_IDENTITY_SIGNER_UNKNOWN");
  const revoking = (name: string, identity: WorkloadIdentity) =>
    codeOf(() => compile({ ...policy, revoked: [name] }, [identity]));
  assert.equal(revoking("release", { use: "build", id: "build", signer: "release" }), "WORKLOAD_IDENTITY_REVOKED");
  assert.equal(revoking("production-apply", applies), "WORKLOAD_IDENTITY_REVOKED");
  const refs = Array.from({ length: 100 }, (_, index) => `refs/heads/a-long-name-of-a-branch-${index}`);
  assert.equal(refusal(applyWith({ refs })), "WORKLOAD_CONDITION_TOO_LONG");
});

test("refuses to apply from a workflow that signs or rebuilds", () => {
  const release = { repository: "m1k1o/neko", path: ".github/workflows/release.yml" };
  assert.equal(refusal(applyWith({ callerWorkflow: release })), "WORKLOAD_IDENTITY_OF_SIGNER");
  const called = { ...release, repository: "M1K1O/Neko", ref: "refs/heads/main" };
  assert.equal(refusal(applyWith({ signerWorkflow: called })), "WORKLOAD_IDENTITY_OF_SIGNER");
  const identity = {
    ...{ issuer: applies.caller.issuer, repository: "m1k1o/neko", repositoryId: "9", ownerId: "10" },
    signerWorkflow: applies.caller.signerWorkflow,
    callerWorkflow: applies.caller.callerWorkflow,
    ...{ refs: ["refs/heads/main"], triggers: ["push"], runner: "github-hosted" },
  };
  const rebuilder = { id: "again", operator: "Somebody", identity, location: "ghcr.io/somebody/rebuilds" };
  const rebuilt = identitiesPolicy({ rebuilds: { perPlatform: 1, rebuilders: [rebuilder], missing: "allow" } });
  assert.equal(
    codeOf(() => compile(rebuilt, [applyWith({ repositoryId: "9", ownerId: "10" })])),
    "WORKLOAD_IDENTITY_OF_SIGNER",
  );
});

test("answers every requirement", () => {
  assert.deepEqual(Object.keys(support).sort(), Object.keys(requirements).sort());
});
