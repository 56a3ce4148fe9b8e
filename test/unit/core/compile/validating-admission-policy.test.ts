import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { requirements } from "../../../../src/core/compile/requirement.ts";
import { compile } from "../../../../src/core/compile/validating-admission-policy/compile.ts";
import type { Placement } from "../../../../src/core/compile/validating-admission-policy/compile.ts";
import { pinnedPattern } from "../../../../src/core/compile/validating-admission-policy/expressions.ts";
import { admittedImages } from "../../../../src/core/compile/validating-admission-policy/image-list.ts";
import { support } from "../../../../src/core/compile/validating-admission-policy/support.ts";
import { trustPolicyShape } from "../../../../src/core/policy/trust-policy.ts";
import { admissionCases, casesNow, casesPlacement, casesPolicy, casesReleases } from "../../../support/admission.ts";
import { codeThrown } from "../../../support/failures.ts";
import { sampleDigest, sampleMirror, sampleRepository } from "../../../support/policies.ts";

const [release = assert.fail()] = casesReleases;
const placed = (changes: Partial<Placement> = {}) =>
  compile(casesPolicy(), casesReleases, casesNow, { ...casesPlacement, ...changes });

test("lists current, next, retained and running digests with mirrors, and third parties in their namespaces", () => {
  const key = (digit: string) => sampleDigest(digit).replace(":", "-");
  const both = `${sampleRepository}\n${sampleMirror}`;
  assert.deepEqual(placed().parameters.data, {
    [key("a")]: both,
    [key("b")]: both,
    [key("c")]: both,
    [key("d")]: both,
    [key("e")]: "ghcr.io/example/proxy shop",
  });
});

test("leaves an expired exception out and says so", () => {
  const image = `ghcr.io/example/proxy@${sampleDigest("f")}`;
  const omissions = placed().omissions.map((omission) => [omission.code, omission.image]);
  assert.deepEqual(omissions, [["THIRD_PARTY_EXPIRED", image]]);
  const before = admittedImages(casesPolicy(), casesReleases, new Date(casesNow.getTime() - 1));
  assert.deepEqual(before.omissions, []);
  assert.ok(before.images.some((entry) => entry.digest === sampleDigest("f")));
});

test("never lists a revoked digest: refuses it as current or next, leaves it out elsewhere", () => {
  const revoked = (digit: string) => casesPolicy({ revoked: [sampleDigest(digit)] });
  for (const digit of ["a", "b"]) {
    assert.equal(
      codeThrown(() => compile(revoked(digit), casesReleases, casesNow, casesPlacement), "none"),
      "RELEASE_REVOKED",
    );
  }
  for (const digit of ["c", "d", "e"]) {
    const compiled = compile(revoked(digit), casesReleases, casesNow, casesPlacement);
    assert.ok(compiled.omissions.some(({ code, image }) => code === "REVOKED" && image.endsWith(sampleDigest(digit))));
    assert.ok(!compiled.images.some((image) => image.digest === sampleDigest(digit)));
  }
});

test("a rollback exception that has ended takes the digest off the list, unless pods still run it", () => {
  const freshness = {
    minVersion: "1.0.0",
    maxAge: "365d",
    rollback: { digest: sampleDigest("c"), reason: "r", approvedBy: "a", expires: casesNow.toISOString() },
  };
  const ended = admittedImages(casesPolicy({ freshness }), casesReleases, casesNow);
  assert.ok(ended.omissions.some(({ code }) => code === "ROLLBACK_EXPIRED"));
  assert.ok(!ended.images.some((image) => image.digest === sampleDigest("c")));
  const running = [{ ...release, running: [sampleDigest("c")] }];
  assert.ok(
    admittedImages(casesPolicy({ freshness }), running, casesNow).images.some((i) => i.digest === sampleDigest("c")),
  );
});

test("refuses a release of an image that the policy does not name", () => {
  const other = [{ ...release, repository: "ghcr.io/evil/base" }];
  assert.equal(
    codeThrown(() => compile(casesPolicy(), other, casesNow, casesPlacement), "none"),
    "RELEASE_IMAGE_UNKNOWN",
  );
});

test("a release named by its mirror gives the same list", () => {
  const mirrored = [{ ...release, repository: sampleMirror }];
  assert.equal(compile(casesPolicy(), mirrored, casesNow, casesPlacement).listDigest, placed().listDigest);
});

test("refuses a list that no Kubernetes object can hold", () => {
  const running = Array.from(
    { length: 10_000 },
    (_, i): `sha256:${string}` => `sha256:${i.toString(16).padStart(64, "0")}`,
  );
  const many = [{ ...release, running }];
  assert.equal(
    codeThrown(() => compile(casesPolicy(), many, casesNow, casesPlacement), "none"),
    "ADMISSION_LIST_TOO_LARGE",
  );
});

test("the same input gives the same bytes, whatever the order of digests", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(["0", "2", "3", "4", "5", "6"], { minLength: 6 }), (digits) => {
      const shuffled = [{ ...release, running: digits.map(sampleDigest) }];
      const sorted = [{ ...release, running: digits.toSorted().map(sampleDigest) }];
      assert.equal(
        JSON.stringify(compile(casesPolicy(), shuffled, casesNow, casesPlacement)),
        JSON.stringify(compile(casesPolicy(), sorted, casesNow, casesPlacement)),
      );
    }),
  );
});

test("every listed image can be written in the one accepted spelling", () => {
  const spelling = new RegExp(pinnedPattern);
  for (const { repository, digest } of placed().images) assert.match(`${repository}@${digest}`, spelling);
});

test("enforce fails closed, warn does not refuse", () => {
  const facts = (rollout: Placement["rollout"]) => {
    const { policies, bindings } = placed({ rollout });
    return [
      ...new Set(policies.map((policy) => policy.spec.failurePolicy)),
      ...new Set(bindings.map((entry) => entry.spec.validationActions.join("+"))),
      ...new Set(bindings.map((entry) => entry.spec.paramRef.parameterNotFoundAction)),
    ];
  };
  assert.deepEqual(facts("enforce"), ["Fail", "Deny+Audit", "Deny"]);
  assert.deepEqual(facts("warn"), ["Ignore", "Warn+Audit", "Deny"]);
});

test("guards the namespaces of its scope and no others", () => {
  const selector = (scope: Placement["scope"]) => placed({ scope }).bindings[0]?.spec.matchResources.namespaceSelector;
  const key = "kubernetes.io/metadata.name";
  assert.deepEqual(selector({ kind: "all-except", exempt: [] }), {});
  assert.deepEqual(selector({ kind: "all-except", exempt: ["kube-system", "infra"] }), {
    matchExpressions: [{ key, operator: "NotIn", values: ["infra", "kube-system"] }],
  });
  assert.deepEqual(selector({ kind: "only", namespaces: ["shop"] }), {
    matchExpressions: [{ key, operator: "In", values: ["shop"] }],
  });
  assert.deepEqual(selector({ kind: "labelled", labels: { guarded: "yes" } }), { matchLabels: { guarded: "yes" } });
});

test("every binding has its policy and the one list", () => {
  const { policies, bindings, parameters } = placed();
  assert.deepEqual(
    bindings.map((entry) => entry.spec.policyName),
    policies.map((policy) => policy.metadata.name),
  );
  for (const { spec } of bindings) {
    assert.deepEqual(
      [spec.paramRef.namespace, spec.paramRef.name],
      [parameters.metadata.namespace, parameters.metadata.name],
    );
  }
});

test("messages fit the one line that Kubernetes allows", () => {
  for (const policy of placed().policies) {
    for (const { message, messageExpression } of policy.spec.validations) {
      assert.ok(!/[\r\n]/.test(message + messageExpression));
    }
  }
});

test("the cases cover every kind of object that is judged", () => {
  const kinds = (refused: boolean) =>
    new Set(
      admissionCases()
        .filter((entry) => (entry.refusedWith !== undefined) === refused)
        .map((entry) => `${entry.object.kind.toLowerCase()}s`),
    );
  const judged = placed()
    .policies.flatMap((policy) => policy.spec.matchConstraints.resourceRules.flatMap((rule) => rule.resources))
    .filter((resource) => !resource.includes("/"));
  for (const resource of judged) assert.ok(kinds(true).has(resource) && kinds(false).has(resource), resource);
});

test("every field of the policy is stated by a requirement, and the target answers each", () => {
  const stated = new Set<string>(Object.values(requirements).flatMap((requirement) => requirement.fields));
  const fields = Object.keys(trustPolicyShape.shape).filter((key) => !["schema", "name", "environment"].includes(key));
  assert.deepEqual(
    fields.filter((field) => !stated.has(field)),
    [],
  );
  assert.deepEqual(Object.keys(support).toSorted(), Object.keys(requirements).toSorted());
});
