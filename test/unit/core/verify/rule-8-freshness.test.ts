import assert from "node:assert/strict";
import { test } from "node:test";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import { withValues } from "../../../support/documents.ts";
import { withReferrers } from "../../../support/evidence-changes.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { changed } from "../../../support/sigstore-handmade.ts";

const lab = await startReleaseLab();
const day = 24 * 3600 * 1000;

for (const [minVersion, codes] of [
  ["0.0.1", []],
  ["1.2.3-rc.1", []],
  ["1.2.3", []],
  ["1.2.4-rc.1", ["VERSION_TOO_OLD"]],
  ["1.10.0", ["VERSION_TOO_OLD"]],
  ["2.0.0", ["VERSION_TOO_OLD"]],
] as const) {
  test(`version 1.2.3 under freshness.minVersion ${minVersion}: ${codes.join() || "taken"}`, () => {
    assert.deepEqual(codesOf(lab.verify({ policy: lab.policyWith({ "freshness.minVersion": minVersion }) })), codes);
  });
}

test("a policy whose minimum is no semantic version is refused before it is used", () => {
  for (const minVersion of ["01.0.0", "1.0.0-01", "1.0.0-a..b", `${"9".repeat(30)}.0.0`, "1.0", "v1.0.0"]) {
    const policy = withValues(lab.policy, { "freshness.minVersion": minVersion });
    assert.equal(trustPolicySchema.safeParse(policy).success, false, minVersion);
  }
});

function signedAt(kind: string): Date {
  const checked = lab.verify();
  const found = checked.ok ? checked.proof.data.statements.find((statement) => statement.kind === kind) : undefined;
  return new Date(found?.signedAt ?? Number.NaN);
}

test("takes a release until its age is the policy's, and not a moment longer", () => {
  const policy = lab.policyWith({ "freshness.maxAge": "30d", "roots.sigstore.maxAge": "90d" });
  const limit = new Date(signedAt("manifest").getTime() + 30 * day);
  assert.deepEqual(codesOf(lab.verify({ policy, now: limit })), []);
  assert.deepEqual(codesOf(lab.verify({ policy, now: new Date(limit.getTime() + 1) })), ["RELEASE_TOO_OLD"]);
});

test("refuses to judge the age when the clock is before the signature: any release would look fresh", () => {
  const policy = lab.policyWith({ "roots.sigstore.fetched": "2026-01-01T00:00:00Z" });
  const early = new Date(signedAt("manifest").getTime() - 120_000);
  assert.deepEqual(codesOf(lab.verify({ policy, now: early })), Array(6).fill("BUNDLE_TIME_INVALID"));
  const little = new Date(signedAt("manifest").getTime() - 30_000);
  assert.deepEqual(codesOf(lab.verify({ policy, now: little })), []);
});

test("signing again does not make an old release fresh while the old signature is there", async () => {
  // Another run of the same workflow for the same tag: the same manifest, signed a second later.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const evidence = await lab.adding("manifest", { run: { runId: "2" } });
  const policy = lab.policyWith({ "freshness.maxAge": "30d", "roots.sigstore.maxAge": "90d" });
  const both = lab.verify({ evidence });
  const times = both.ok ? both.proof.data.statements.filter(({ kind }) => kind === "manifest") : [];
  const [first, second] = times.map((statement) => Date.parse(statement.signedAt)).sort((a, b) => a - b);
  assert.ok(first !== undefined && second !== undefined && second > first);
  const between = new Date(first + 30 * day + 500);
  assert.ok(between.getTime() < second + 30 * day);
  assert.deepEqual(codesOf(lab.verify({ evidence, policy, now: between })), ["RELEASE_TOO_OLD"]);
});

test("age and version are found together", () => {
  const policy = lab.policyWith({ freshness: { minVersion: "9.0.0", maxAge: "1s" } });
  const later = new Date(Date.now() + day);
  assert.deepEqual(codesOf(lab.verify({ policy, now: later })), ["VERSION_TOO_OLD", "RELEASE_TOO_OLD"]);
});

test("refuses a revoked digest: the index's, or that of one platform", () => {
  const platforms = lab.release.platforms.map(({ image }) => image.manifest.digest);
  for (const digest of [lab.evidence.digest, ...platforms]) {
    const checked = lab.verify({ policy: lab.policyWith({ revoked: [digest] }) });
    assert.deepEqual(codesOf(checked), ["REVOKED"]);
    assert.ok(!checked.ok && checked.findings[0].found === digest);
  }
  const all = lab.policyWith({ revoked: [lab.evidence.digest, ...platforms] });
  assert.deepEqual(codesOf(lab.verify({ policy: all })), ["REVOKED", "REVOKED", "REVOKED"]);
  const other = lab.policyWith({ revoked: [`sha256:${"0".repeat(64)}`] });
  assert.deepEqual(codesOf(lab.verify({ policy: other })), []);
});

test("refuses what only a revoked signer signed", () => {
  const checked = lab.verify({ policy: lab.policyWith({ revoked: ["release"] }) });
  assert.deepEqual([...new Set(codesOf(checked))].sort(), ["REVOKED", "SKIPPED"]);
});

test("takes the same statements by a signer that is not revoked", () => {
  const signers = [{ ...lab.policy.signers[0], id: "old", ownerId: "7" }, ...lab.policy.signers];
  assert.deepEqual(codesOf(lab.verify({ policy: lab.policyWith({ signers, revoked: ["old"] }) })), []);
});

test("a revocation that names nobody is a fault of the policy: it would revoke nothing and say nothing", () => {
  const parsed = trustPolicySchema.safeParse(withValues(lab.policy, { revoked: ["relaese"] }));
  assert.deepEqual(parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join(".")), ["revoked.0"]);
});

test("without a trusted time there is no age: refused", async () => {
  const { bundle } = await lab.signed("manifest");
  assert.ok(bundle.kind === "found");
  const untimed = changed(bundle.value, (json) => {
    delete json.verificationMaterial.timestampVerificationData;
    for (const entry of json.verificationMaterial.tlogEntries) delete entry.inclusionPromise;
  });
  const evidence = await lab.replacing("manifest", { bundle: untimed });
  const codes = codesOf(lab.verify({ evidence }));
  assert.ok(codes.includes("BUNDLE_TIME_INVALID"), codes.join());
  const forged = changed(untimed, (json) => {
    json.verificationMaterial.tlogEntries[0]!.integratedTime = String(Math.floor(Date.now() / 1000));
  });
  const again = withReferrers(await lab.replacing("manifest", { bundle: forged }), lab.evidence.digest, (list) => list);
  assert.ok(codesOf(lab.verify({ evidence: again })).includes("BUNDLE_TIME_INVALID"));
});
