import assert from "node:assert/strict";
import { test } from "node:test";
import type { NoAnswer } from "../../../../src/core/oci/answer.ts";
import type { Evidence } from "../../../../src/core/verify/evidence.ts";
import type { FindingCode } from "../../../../src/core/verify/finding.ts";
import { isUnavailable } from "../../../../src/operations/verify-releases.ts";
import { withAnswer, withManifest, withReferrers } from "../../../support/evidence-changes.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { sampleTee } from "../../../support/policies.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const index = lab.evidence.digest;
const amd64 = lab.subject("provenance");

const silences = {
  unauthorized: "REGISTRY_UNAUTHORIZED",
  forbidden: "REGISTRY_FORBIDDEN",
  throttled: "REGISTRY_THROTTLED",
  broken: "REGISTRY_BROKEN",
  "too-large": "REGISTRY_TOO_LARGE",
} as const satisfies Record<NoAnswer["kind"], FindingCode>;
const kinds = Object.keys(silences) as NoAnswer["kind"][];

function codes(evidence: Evidence): readonly string[] {
  return codesOf(lab.verify({ evidence }));
}

for (const kind of kinds) {
  const silence = { kind, detail: "the registry said so" } as const;
  const code = silences[kind];

  test(`${kind} for the index or a platform manifest refuses with ${code}`, () => {
    assert.deepEqual(codes(withManifest(lab.evidence, index, silence)), [code, "SKIPPED"]);
    assert.deepEqual(codes(withManifest(lab.evidence, amd64, silence)), [code, "SKIPPED"]);
  });

  test(`${kind} for a list of referrers refuses with ${code}, and never counts as an empty list`, () => {
    const checked = lab.verify({ evidence: withAnswer(lab.evidence, index, silence) });
    assert.deepEqual([...new Set(codesOf(checked))].sort(), [code, "SKIPPED"]);
    assert.ok(!checked.ok);
    assert.equal(checked.findings.find((finding) => finding.code === code)?.found, "the registry said so");
    assert.equal(isUnavailable(checked.findings), true, "silence about the index refutes nothing");
    const silent = new Map([...lab.evidence.referrers.keys()].map((key) => [key, silence] as const));
    const nowhere = codes({ ...lab.evidence, referrers: silent });
    assert.deepEqual([...new Set(nowhere)].sort(), [code, "SKIPPED"]);
    // Also where nothing is required of that subject: what is not seen could refuse.
    const nothing = lab.policyWith({ "require.provenance": [], "require.sbom": [] });
    assert.deepEqual(codesOf(lab.verify({ policy: nothing })), []);
    const unread = withAnswer(lab.evidence, amd64, silence);
    assert.deepEqual(codesOf(lab.verify({ policy: nothing, evidence: unread })), [code]);
  });

  test(`${kind} for one more referrer's manifest or bundle refuses with ${code}, though all that is required is there`, async () => {
    const more = await lab.signed("signature", { run: { repository: "stranger/repository" } });
    const beside = (referrer: typeof more): Evidence =>
      withReferrers(lab.evidence, index, (list) => [...list, referrer]);
    assert.deepEqual(codes(beside(more)), []);
    const unread = beside({ ...more, manifest: silence, bundle: { kind: "absent" } });
    assert.deepEqual(codes(unread), [code]);
    const checked = lab.verify({ evidence: beside({ ...more, bundle: silence }) });
    assert.deepEqual(codesOf(checked), [code]);
    assert.equal(!checked.ok && isUnavailable(checked.findings), true);
  });
}

test("only absent is an answer: a referrer that is listed and gone is as if it were not listed", async () => {
  const more = await lab.signed("signature");
  const gone = { ...more, manifest: { kind: "absent" }, bundle: { kind: "absent" } } as const;
  assert.deepEqual(codes(withReferrers(lab.evidence, index, (list) => [...list, gone])), []);
});

test("an absent index or platform manifest refuses", () => {
  assert.deepEqual(codes(withManifest(lab.evidence, index, { kind: "absent" })), ["STATEMENT_MISSING", "SKIPPED"]);
  assert.deepEqual(codes(withManifest(lab.evidence, amd64, { kind: "absent" })), ["STATEMENT_MISSING", "SKIPPED"]);
});

test("a refusal among silences is a refusal, not an unavailability", () => {
  const evidence = withAnswer(lab.evidence, amd64, { kind: "broken", detail: "down" });
  const unavailable = lab.verify({
    evidence,
    policy: lab.policyWith({ "require.provenance": [], "require.sbom": [] }),
  });
  assert.equal(!unavailable.ok && isUnavailable(unavailable.findings), true);
  const revoked = lab.verify({ evidence, policy: lab.policyWith({ revoked: [index] }) });
  assert.equal(!revoked.ok && isUnavailable(revoked.findings), false);
});

test("findings of independent checks come together, and what could not be checked is named", async () => {
  const evidence = await lab.replacing("provenance", {
    predicate: { "buildDefinition.buildType": "https://evil.example" },
  });
  const policy = lab.policyWith({
    revoked: [amd64],
    "freshness.minVersion": "9.0.0",
    tee: sampleTee,
  });
  const noSignature = withReferrers(evidence, index, (list) => {
    const rest = lab.without("signature").referrers.get(index);
    return rest?.kind === "found" ? list.filter((one) => rest.value.includes(one)) : [];
  });
  assert.deepEqual(codesOf(lab.verify({ policy, evidence: noSignature })), [
    "REVOKED",
    "STATEMENT_MISSING",
    "PROVENANCE_BUILD_TYPE_NOT_ALLOWED",
    "TEE_SIGNER_RELEASE",
    "TEE_SIGNATURE_MISSING",
    "VERSION_TOO_OLD",
  ]);
});

test("root and image are judged apart; statements need both, and say so", () => {
  const policy = lab.policyWith({ "roots.sigstore.sha256": "0".repeat(64) });
  const both = lab.verify({ policy, evidence: { ...lab.evidence, repository: "127.0.0.1:1/other" } });
  assert.deepEqual(codesOf(both), ["ROOT_DIGEST_MISMATCH", "IMAGE_NOT_IN_POLICY", "SKIPPED"]);
  const last = both.ok ? undefined : both.findings.at(-1);
  assert.deepEqual(
    [last?.severity, last?.subject, last?.found],
    ["skipped", "signature, manifest, provenance and SBOM", "needs a valid trusted root"],
  );
});

test("every check that needs a manifest is named when there is none", () => {
  const checked = lab.verify({ evidence: lab.without("manifest") });
  const skippedChecks = checked.ok ? [] : checked.findings.filter(({ severity }) => severity === "skipped");
  assert.deepEqual(
    skippedChecks.map(({ subject, found }) => [subject, found]),
    [
      ["provenance and SBOM of linux/amd64", "needs a valid release manifest"],
      ["provenance and SBOM of linux/arm64", "needs a valid release manifest"],
      ["freshness", "needs a valid release manifest"],
    ],
  );
});
