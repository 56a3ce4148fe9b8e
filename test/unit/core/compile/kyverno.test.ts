import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../../../src/core/compile/kyverno/compile.ts";
import type { KyvernoPlacement } from "../../../../src/core/compile/kyverno/compile.ts";
import { support } from "../../../../src/core/compile/kyverno/support.ts";
import { requirements } from "../../../../src/core/compile/requirement.ts";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import { casesPlacement } from "../../../support/admission.ts";
import { engineCases } from "../../../support/engine-cases.ts";
import { enginePolicy, privateRoots, publicGoodRoots } from "../../../support/engine-roots.ts";
import { sampleMirror, samplePolicyFields, sampleRepository, sampleSigner } from "../../../support/policies.ts";

const compiled = (
  changes: Readonly<Record<string, unknown>> = {},
  placement: Partial<KyvernoPlacement> = {},
  roots = publicGoodRoots,
) => compile(enginePolicy(changes), roots, { ...casesPlacement, ...placement });
const spec = (...given: Parameters<typeof compiled>) => compiled(...given).policies[0].spec;

test("one policy for all images, as two in one request can make Kyverno wait for ever", () => {
  const images = [
    ...samplePolicyFields.images,
    { name: "agent", repository: "ghcr.io/m1k1o/neko/agent", mirrors: [], platforms: ["linux/amd64"] },
  ];
  const { policies } = compiled({ images });
  assert.equal(policies.length, 1);
  assert.equal(policies[0].spec.matchImageReferences.length, 2);
});

test("matches repositories exactly: by an expression, never by a glob", () => {
  const [only = assert.fail(), ...more] = spec().matchImageReferences;
  assert.deepEqual(more, []);
  assert.deepEqual(Object.keys(only), ["expression"]);
  // Alternatives of `ref == "…"` and `ref.startsWith("…")`: read here as CEL reads them.
  const alternatives = only.expression.split(" || ").map((part) => {
    const [, equals, starts] = /^ref(?: == ("[^"]+")|\.startsWith\(("[^"]+")\))$/.exec(part) ?? assert.fail(part);
    if (equals !== undefined) return (ref: string) => ref === JSON.parse(equals);
    return (ref: string) => ref.startsWith(JSON.parse(starts ?? "") as string);
  });
  const matches = (ref: string) => alternatives.some((holds) => holds(ref));
  for (const ref of [sampleRepository, `${sampleRepository}:v1`, `${sampleMirror}@sha256:${"a".repeat(64)}`]) {
    assert.equal(matches(ref), true, ref);
  }
  for (const ref of [`${sampleRepository}-evil`, `${sampleRepository}/x@sha256:0`, `evil/${sampleRepository}`]) {
    assert.equal(matches(ref), false, ref);
  }
});

test("never asks for signatures without a predicate type, and names types by their full URI", () => {
  const { attestations, validations } = spec({}, { indexProvenance: true });
  assert.ok(!JSON.stringify(validations).includes("verifyImageSignatures"));
  assert.deepEqual(
    attestations.map(({ intoto }) => intoto.type),
    [
      "https://sigstore.dev/cosign/sign/v1",
      "https://github.com/m1k1o/neko/trust/release/v1",
      "https://slsa.dev/provenance/v1",
    ],
  );
});

test("one attestor per identity, each with the log's address, the pinned root and a time stamp authority", () => {
  const other = { ...sampleSigner, id: "other-one", refs: ["refs/heads/main", "refs/tags/v*"] };
  const { attestors } = spec({
    signers: [sampleSigner, other],
    require: { signature: ["release"], manifest: ["other-one"], provenance: [], sbom: [] },
  });
  assert.deepEqual(
    attestors.map(({ name }) => name),
    ["signer_release_0", "signer_other_one_0", "signer_other_one_1"],
  );
  for (const { name, cosign } of attestors) {
    assert.match(name, /^[a-z_][a-z0-9_]*$/);
    assert.equal(cosign.keyless.identities.length, 1);
    assert.equal(cosign.ctlog.url, "https://rekor.sigstore.dev");
    assert.match(cosign.ctlog.tsaCertChain ?? "", /BEGIN CERTIFICATE/);
    assert.equal(cosign.tuf, undefined);
    assert.ok(cosign.trustedRoot.value.includes("fulcio.sigstore.dev"));
  }
});

test("a private instance has its TUF mirror and root besides", () => {
  const [attestor = assert.fail()] = spec({}, {}, privateRoots).attestors;
  assert.deepEqual(attestor.cosign.tuf, { mirror: "https://tuf.example", root: { data: "e30=" } });
});

test("provenance is demanded where releases have it on the index; else it is told that it is not seen", () => {
  const without = compiled();
  assert.deepEqual(
    without.weaknesses.map(({ code }) => code),
    ["PROVENANCE_NOT_ON_INDEX"],
  );
  assert.ok(!JSON.stringify(without.policies).includes("slsa.dev"));
  const withIt = compiled({}, { indexProvenance: true });
  assert.deepEqual(withIt.weaknesses, []);
  const last = withIt.policies[0].spec.validations.at(-1)?.expression ?? "";
  for (const part of ["builder.id", "buildType in", "git+https://github.com/m1k1o/neko@"])
    assert.ok(last.includes(part), part);
});

test("only the kinds that the policy requires are demanded", () => {
  const { attestations, variables, validations } = spec({
    require: { signature: ["release"], manifest: [], provenance: ["release"], sbom: [] },
  });
  assert.deepEqual(
    attestations.map(({ name }) => name),
    ["signature"],
  );
  assert.deepEqual(variables, []);
  assert.equal(validations.length, 3);
});

test("enforce fails closed; warn lets through, also when Kyverno is down", () => {
  const facts = (rollout: "warn" | "enforce") => {
    const { failurePolicy, validationActions, validationConfigurations } = spec({}, { rollout });
    return [failurePolicy, validationActions.join("+"), validationConfigurations];
  };
  const configuration = { mutateDigest: false, verifyDigest: true, required: true };
  assert.deepEqual(facts("enforce"), ["Fail", "Deny", configuration]);
  assert.deepEqual(facts("warn"), ["Ignore", "Warn+Audit", configuration]);
});

test("nothing insecure is ever written", () => {
  const text = JSON.stringify(compiled({}, { credentials: { secrets: ["ghcr"], providers: ["github"] } }));
  assert.doesNotMatch(text, /insecure|glob|additionalExtensions/i);
  assert.deepEqual(spec({}, { credentials: { secrets: ["b", "a"] } }).credentials, { secrets: ["a", "b"] });
});

test("third parties' images are not judged", () => {
  assert.ok(!JSON.stringify(compiled().policies).includes("ghcr.io/example/proxy"));
});

test("texts of the policy can't leave their literals", () => {
  const images = [{ ...samplePolicyFields.images[0], name: `x" + "y\\` }];
  const policy = trustPolicySchema.parse({ ...enginePolicy(), images });
  const [products] = compile(policy, publicGoodRoots, casesPlacement).policies[0].spec.variables;
  assert.equal(
    products?.expression,
    `{"${sampleRepository}": "x\\" + \\"y\\\\", "${sampleMirror}": "x\\" + \\"y\\\\"}`,
  );
});

test("every requirement has an answer; the same input gives the same bytes", () => {
  assert.deepEqual(Object.keys(support).toSorted(), Object.keys(requirements).toSorted());
  assert.equal(JSON.stringify(compiled()), JSON.stringify(compiled()));
});

test("the cases say what their digests stand for, and bad ones what they are refused with", () => {
  for (const target of ["kyverno", "policy-controller", "gatekeeper"] as const) {
    for (const { kind, name, refusedWith } of engineCases(target)) {
      assert.equal(refusedWith !== undefined, kind === "bad", `${target} ${name}`);
    }
  }
});
