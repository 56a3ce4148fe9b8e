import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../../../../src/core/compile/gatekeeper/compile.ts";
import type { GatekeeperPlacement } from "../../../../src/core/compile/gatekeeper/compile.ts";
import { support } from "../../../../src/core/compile/gatekeeper/support.ts";
import { requirements } from "../../../../src/core/compile/requirement.ts";
import { compile as compileBaseline } from "../../../../src/core/compile/validating-admission-policy/compile.ts";
import { admissionCases, casesNow, casesPlacement, casesPolicy, casesReleases } from "../../../support/admission.ts";
import { engineCases } from "../../../support/engine-cases.ts";
import { codeThrown } from "../../../support/failures.ts";
import { sampleDigest } from "../../../support/policies.ts";

const compiled = (changes: Partial<GatekeeperPlacement> = {}) =>
  compile(casesPolicy(), casesReleases, casesNow, { ...casesPlacement, ...changes });

test("admits exactly what the baseline admits", () => {
  const baseline = compileBaseline(casesPolicy(), casesReleases, casesNow, casesPlacement);
  assert.deepEqual(compiled().constraint.spec.parameters.images, baseline.parameters.data);
  assert.equal(compiled().listDigest, baseline.listDigest);
  assert.deepEqual(compiled().omissions, baseline.omissions);
});

test("judges every kind of object that the baseline judges", () => {
  const kinds = compiled().constraint.spec.match.kinds.flatMap((entry) => entry.kinds);
  for (const { object, refusedWith } of admissionCases()) {
    if (refusedWith !== undefined) assert.ok(kinds.includes(object.kind), object.kind);
  }
});

test("enforce denies, warn warns; the CEL fails closed in both, and makes no policy of the API server's own", () => {
  assert.equal(compiled().constraint.spec.enforcementAction, "deny");
  assert.equal(compiled({ rollout: "warn" }).constraint.spec.enforcementAction, "warn");
  const [{ code }] = compiled({ rollout: "warn" }).template.spec.targets;
  assert.equal(code[0].source.failurePolicy, "Fail");
  assert.equal(code[0].source.generateVAP, false);
});

test("guards the namespaces of its scope", () => {
  const selector = (scope: GatekeeperPlacement["scope"]) => compiled({ scope }).constraint.spec.match.namespaceSelector;
  assert.equal(selector({ kind: "all-except", exempt: [] }), undefined);
  assert.deepEqual(selector({ kind: "labelled", labels: { guarded: "yes" } }), { matchLabels: { guarded: "yes" } });
});

test("the template's name is its kind in lower case, as Gatekeeper demands, and the same wherever it is", () => {
  const { template, constraint } = compiled();
  assert.equal(template.metadata.name, template.spec.crd.spec.names.kind.toLowerCase());
  assert.equal(constraint.kind, template.spec.crd.spec.names.kind);
});

test("what its cases call unseen is on the list, or of a kind that is not looked at; what is bad is looked at", () => {
  const { images } = compiled().constraint.spec.parameters;
  const kinds = compiled().constraint.spec.match.kinds.flatMap((entry) => entry.kinds);
  const cases = engineCases("gatekeeper");
  for (const { kind, name, object } of cases) {
    const digests = [...JSON.stringify(object).matchAll(/sha256:([0-9a-f]{64})/g)].map(
      ([, hex]) => `sha256-${hex ?? ""}`,
    );
    const listed = digests.length > 0 && digests.every((digest) => Object.hasOwn(images, digest));
    if (kind === "bad") assert.ok(kinds.includes(object.kind), name);
    if (kind === "unseen") assert.ok(listed || !kinds.includes(object.kind), name);
  }
  assert.deepEqual([...new Set(cases.map(({ kind }) => kind))].toSorted(), ["bad", "good", "unseen"]);
});

test("refuses what the baseline refuses to list", () => {
  const policy = casesPolicy({ revoked: [sampleDigest("a")] });
  assert.equal(
    codeThrown(() => compile(policy, casesReleases, casesNow, casesPlacement), "none"),
    "RELEASE_REVOKED",
  );
});

test("every requirement has an answer", () => {
  assert.deepEqual(Object.keys(support).toSorted(), Object.keys(requirements).toSorted());
});
