import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "smol-toml";
import { attestationPolicy, referenceNames } from "../../../../src/core/compile/key-broker/attestation-policy.ts";
import { compile } from "../../../../src/core/compile/key-broker/compile.ts";
import type { BrokerSettings, SignerRelease } from "../../../../src/core/compile/key-broker/compile.ts";
import { brokerConfigs } from "../../../../src/core/compile/key-broker/kbs-config.ts";
import { resourcePolicy } from "../../../../src/core/compile/key-broker/resource-policy.ts";
import { brokerResourceSchema, teeRulesSchema } from "../../../../src/core/compile/key-broker/rules.ts";
import { support } from "../../../../src/core/compile/key-broker/support.ts";
import { requirements } from "../../../../src/core/compile/requirement.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { lintConfig } from "../../../../src/core/kbs/lint-config.ts";
import { caseMeasurements, caseReleases, caseSettings, signerPolicy } from "../../../support/key-broker.ts";
import { sampleDigest, sampleTee } from "../../../support/policies.ts";

const [running = assert.fail(), next = assert.fail()] = caseReleases;
const compiled = (changes: Partial<BrokerSettings> = {}, releases: readonly SignerRelease[] = caseReleases) =>
  compile(signerPolicy(), releases, { ...caseSettings, ...changes });

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return error.code;
  }
  return "no failure";
}

test("reference values are those of the releases and of the settings, sorted, pairs included", () => {
  const { one, two } = caseMeasurements;
  assert.deepEqual(compiled({}, [next, running, running]).referenceValues, {
    mr_td: caseSettings.tee.mrtd,
    rtmr_0: caseSettings.tee.rtmr0,
    rtmr_1: [one.rtmr1, two.rtmr1],
    rtmr_2: [one.rtmr2, two.rtmr2],
    rtmr_1_2: [`${one.rtmr1}:${one.rtmr2}`, `${two.rtmr1}:${two.rtmr2}`],
  });
  const asked = [...compiled().attestationPolicy.matchAll(/reference\("([a-z0-9_]+)"\)/g)].map(([, name]) => name);
  assert.deepEqual(asked.toSorted(), [...referenceNames].toSorted());
});

test("an administrator posts both policies before the reference values, as Trustee takes them", () => {
  const { requests, attestationPolicy: attestation, resourcePolicy: resource, referenceValues } = compiled();
  const bodies = requests.map(({ name, body }) => [name, JSON.parse(body) as Record<string, string>] as const);
  assert.deepEqual(
    requests.map(({ path }) => path),
    ["/kbs/v0/attestation-policy", "/kbs/v0/resource-policy", "/kbs/v0/reference-value"],
  );
  const [first, second, third] = bodies.map(([, body]) => body);
  const decoded = (text = "", encoding: BufferEncoding = "base64url") => Buffer.from(text, encoding).toString("utf8");
  assert.deepEqual([first?.["type"], first?.["policy_id"]], ["rego", "default_cpu"]);
  assert.equal(decoded(first?.["policy"]), attestation);
  assert.equal(decoded(second?.["policy"]), resource);
  for (const body of [first, second]) assert.match(body?.["policy"] ?? "", /^[A-Za-z0-9_-]+$/);
  assert.deepEqual([third?.["version"], third?.["type"]], ["0.1.0", "sample"]);
  assert.deepEqual(JSON.parse(decoded(third?.["payload"], "base64")), referenceValues);
});

test("the same input gives the same bytes, in whatever order lists come", () => {
  const shuffled = compiled(
    {
      tee: {
        ...caseSettings.tee,
        statuses: ["UpToDate", "SWHardeningNeeded"],
        advisoriesAllowed: ["INTEL-SA-00002", "INTEL-SA-00001"],
      },
    },
    [next, running],
  );
  const sorted = compiled({
    tee: {
      ...caseSettings.tee,
      statuses: ["SWHardeningNeeded", "UpToDate"],
      advisoriesAllowed: ["INTEL-SA-00001", "INTEL-SA-00002"],
    },
  });
  assert.deepEqual(shuffled, sorted);
  assert.notEqual(compiled().attestationPolicyDigest, sorted.attestationPolicyDigest);
  assert.equal(compiled().referenceValuesDigest, sorted.referenceValuesDigest);
});

test("refuses a policy with a TEE, a release of another image, a revoked one, one without measurements, and none", () => {
  const of = (policy: Readonly<Record<string, unknown>>, ...releases: SignerRelease[]) =>
    codeOf(() => compile(signerPolicy(policy), releases, caseSettings));
  assert.equal(of({}, running), "no failure");
  assert.equal(of({ tee: sampleTee }, running), "KBS_POLICY_HAS_TEE");
  assert.equal(of({}), "KBS_NO_RELEASE");
  assert.equal(of({}, { ...running, repository: "ghcr.io/m1k1o/neko" }), "RELEASE_IMAGE_UNKNOWN");
  assert.equal(of({ revoked: [sampleDigest("2")] }, running, next), "RELEASE_REVOKED");
  assert.equal(of({}, { ...running, measurements: undefined }), "SIGNER_RELEASE_WITHOUT_MEASUREMENTS");
});

test("a planned release gives placeholders, and says so; an unbound platform is said, too", () => {
  const planned = compiled({ tee: { ...caseSettings.tee, platforms: [] } }, [{ ...running, measurements: "planned" }]);
  assert.deepEqual(planned.referenceValues.rtmr_1, ["placeholder-rtmr1"]);
  assert.equal(planned.warnings.length, 2);
  assert.match(planned.warnings[0] ?? "", /only planned/);
  assert.match(planned.warnings[1] ?? "", /unbound/);
  assert.deepEqual(compiled().warnings, []);
});

test("the TEE is checked against the settings, everything else through measurements; no requirement is left out", () => {
  assert.deepEqual(Object.keys(support).toSorted(), Object.keys(requirements).toSorted());
  assert.equal(support.tee, "enforced");
});

test("split and built-in configurations are TOML and JSON, pass the lint, and have no secret in them", () => {
  for (const attestationService of ["built-in", "split"] as const) {
    const { configs } = compiled({ attestationService });
    assert.deepEqual(lintConfig(configs.kbs), []);
    for (const text of [configs.attestationService, configs.referenceValues]) {
      assert.equal(text === undefined, attestationService === "built-in");
      if (text !== undefined) assert.equal(typeof JSON.parse(text), "object");
    }
    assert.ok(!JSON.stringify(configs).includes("password"));
  }
});

/** Rego with each string literal replaced, so that only its structure is left. */
const structure = (rego: string): string => rego.replaceAll(/"(?:[^"\\\n]|\\.)*"/g, "S");

test("no text gets out of its literal: neither in Rego nor in TOML", () => {
  const hostile = fc.string({ unit: "binary", minLength: 1 });
  const rules = caseSettings.tee;
  fc.assert(
    fc.property(hostile, hostile, (one, two) => {
      const changed = {
        ...rules,
        xfam: [one],
        tdAttributes: [two],
        platforms: [one],
        advisoriesAllowed: [two],
        minTcbDate: one,
      };
      assert.equal(structure(attestationPolicy(changed)), structure(attestationPolicy(rules)));
      const resources = [{ type: one.replaceAll("/", ""), tag: two.replaceAll("/", "") }];
      assert.equal(structure(resourcePolicy(resources)), structure(resourcePolicy(caseSettings.resources)));
    }),
  );
  fc.assert(
    fc.property(hostile, hostile, (one, two) => {
      const [issuer, collateralService] = [one.toWellFormed(), two.toWellFormed()];
      const admin = { ...caseSettings.admin, issuer };
      const usual = parse(brokerConfigs(caseSettings, caseSettings.resources).kbs);
      const text = brokerConfigs({ ...caseSettings, admin, collateralService }, caseSettings.resources).kbs;
      const expected = JSON.stringify(usual)
        .replace(JSON.stringify(caseSettings.admin.issuer), () => JSON.stringify(issuer))
        .replace(JSON.stringify(caseSettings.collateralService), () => JSON.stringify(collateralService));
      assert.deepEqual(JSON.parse(JSON.stringify(parse(text))), JSON.parse(expected));
    }),
  );
});

test("rules refuse what no TD of ours has, and take placeholders", () => {
  const faults = (changes: object) =>
    teeRulesSchema.safeParse({ ...caseSettings.tee, ...changes }).error?.issues.map((issue) => issue.path.join(".")) ??
    [];
  assert.deepEqual(faults({}), []);
  assert.deepEqual(faults({ mrtd: ["placeholder-mrtd"], rtmr0: ["placeholder-rtmr0"], platforms: [] }), []);
  assert.deepEqual(faults({ extra: true }), [""]);
  assert.deepEqual(faults({ mrtd: [] }), ["mrtd"]);
  assert.deepEqual(faults({ mrtd: ["0".repeat(96)] }), ["mrtd.0"]);
  assert.deepEqual(faults({ mrtd: ["a1".repeat(48), "a1".repeat(48)] }), ["mrtd"]);
  assert.deepEqual(faults({ rtmr0: ["0".repeat(96)] }), ["rtmr0.0"]);
  assert.deepEqual(faults({ rtmr0: ["AB".repeat(48)] }), ["rtmr0.0"]);
  assert.deepEqual(faults({ tdAttributes: ["0100001000000000"] }), ["tdAttributes.0"]);
  assert.deepEqual(faults({ tdAttributes: ["0000003000000000"] }), ["tdAttributes.0"]);
  assert.deepEqual(faults({ tdAttributes: ["0000000000000000"] }), ["tdAttributes.0"]);
  // PKS, KL, PERFMON, and a bit that means nothing yet: rule 7 refuses what such a machine signs.
  for (const bits of ["0000005000000000", "0000009000000000", "0000001000000080", "0001001000000000"]) {
    assert.deepEqual(faults({ tdAttributes: [bits] }), ["tdAttributes.0"], bits);
  }
  assert.deepEqual(faults({ tdAttributes: ["00000010"] }), ["tdAttributes.0"]);
  assert.deepEqual(faults({ xfam: ["e7"] }), ["xfam.0"]);
  assert.deepEqual(faults({ statuses: [] }), ["statuses"]);
  assert.deepEqual(faults({ statuses: ["Revoked"] }), ["statuses.0"]);
  assert.deepEqual(faults({ advisoriesAllowed: ["CVE-2026-1"] }), ["advisoriesAllowed.0"]);
  assert.deepEqual(faults({ minTcbDate: "2025-08-13" }), ["minTcbDate"]);
  assert.deepEqual(faults({ minEvaluation: 0 }), ["minEvaluation"]);
  assert.deepEqual(faults({ platforms: ["27e0"] }), ["platforms.0"]);
  for (const bad of ["Upper", "a/b", "..", "a|b", "", "-a", "a b"]) {
    assert.equal(brokerResourceSchema.safeParse({ type: bad, tag: "registry" }).success, false, bad);
    assert.equal(brokerResourceSchema.safeParse({ type: "credential", tag: bad }).success, false, bad);
  }
});
