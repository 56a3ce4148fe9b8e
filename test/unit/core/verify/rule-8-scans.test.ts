import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrustPolicy } from "../../../../src/core/policy/trust-policy.ts";
import type { Evidence } from "../../../../src/core/verify/evidence.ts";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import { withValues } from "../../../support/documents.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { scanStatement, withScans } from "../../../support/scans.ts";
import type { ScanChange, Vulnerability } from "../../../support/scans.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const cleanArm = await scanStatement(lab, "linux/arm64");
const cleanAmd = await scanStatement(lab, "linux/amd64");

function policyOf(changes: Readonly<Record<string, unknown>> = {}): TrustPolicy {
  const vulnerabilities = { signers: ["release"], maxAge: "7d", refuse: "high", vex: "honour", ...changes };
  return lab.policyWith({ vulnerabilities });
}

async function scanned(...changes: readonly ScanChange[]): Promise<Evidence> {
  const scans = [];
  for (const change of changes) scans.push(await scanStatement(lab, "linux/amd64", change));
  return withScans(lab, withScans(lab, lab.evidence, "linux/arm64", [cleanArm]), "linux/amd64", scans);
}

function found(severity: Vulnerability["severity"], vex?: Vulnerability["vex"]): ScanChange {
  const vulnerability = { id: "CVE-2026-0001", severity, package: "zlib", version: "1.3", ...(vex && { vex }) };
  return { predicate: { vulnerabilities: [vulnerability] } };
}

const day = 24 * 3600 * 1000;
const ago = (days: number): string => new Date(Date.now() - days * day).toISOString();

test("clean scans of every platform are proven, and named among the statements", async () => {
  const checked = lab.verify({ policy: policyOf(), evidence: await scanned({}) });
  assert.deepEqual(codesOf(checked), []);
  assert.ok(checked.ok);
  assert.equal(checked.proof.data.statements.filter(({ kind }) => kind === "scan").length, 2);
});

test("a scan of one platform alone is missing for the other", () => {
  const evidence = withScans(lab, lab.evidence, "linux/amd64", [cleanAmd]);
  assert.deepEqual(codesOf(lab.verify({ policy: policyOf(), evidence })), ["STATEMENT_MISSING"]);
});

for (const [severity, refused] of [
  ["low", false],
  ["medium", false],
  ["high", true],
  ["critical", true],
  ["unknown", true],
] as const) {
  test(`a vulnerability rated ${severity} under refuse: high is ${refused ? "refused" : "taken"}`, async () => {
    const evidence = await scanned(found(severity));
    assert.deepEqual(codesOf(lab.verify({ policy: policyOf(), evidence })), refused ? ["VULNERABILITY_REFUSED"] : []);
    const low = policyOf({ refuse: "low" });
    assert.deepEqual(codesOf(lab.verify({ policy: low, evidence })), ["VULNERABILITY_REFUSED"]);
  });
}

for (const [what, vex, excused] of [
  ["not_affected with a justification", { status: "not_affected", justification: "vulnerable_code_not_present" }, true],
  ["not_affected without one", { status: "not_affected" }, false],
  ["fixed", { status: "fixed" }, true],
  ["under_investigation", { status: "under_investigation", justification: "x" }, false],
  ["affected", { status: "affected" }, false],
] as const) {
  test(`VEX ${what}: ${excused ? "excuses where it is honoured, and is told" : "does not excuse"}`, async () => {
    const evidence = await scanned(found("critical", vex));
    const checked = lab.verify({ policy: policyOf(), evidence });
    assert.deepEqual(codesOf(checked), excused ? [] : ["VULNERABILITY_REFUSED"]);
    if (checked.ok) assert.match(checked.proof.data.exceptions.join(), /CVE-2026-0001 .*excused by VEX/);
    const ignoring = policyOf({ vex: "ignore" });
    assert.deepEqual(codesOf(lab.verify({ policy: ignoring, evidence })), ["VULNERABILITY_REFUSED"]);
  });
}

test("the newest scan decides, in both directions", async () => {
  const bad = await scanStatement(lab, "linux/amd64", found("critical"));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const clean = await scanStatement(lab, "linux/amd64");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const badAgain = await scanStatement(lab, "linux/amd64", found("high"));
  const arm = withScans(lab, lab.evidence, "linux/arm64", [cleanArm]);
  const codes = (...scans: Parameters<typeof withScans>[3]): readonly string[] =>
    codesOf(lab.verify({ policy: policyOf(), evidence: withScans(lab, arm, "linux/amd64", scans) }));
  assert.deepEqual(codes(bad, clean), []);
  assert.deepEqual(codes(clean, bad), []);
  assert.deepEqual(codes(bad, clean, badAgain), ["VULNERABILITY_REFUSED"]);
});

for (const [what, change, code] of [
  ["of another SBOM", { predicate: { sbom: `sha256:${"1".repeat(64)}` } }, "SCAN_OTHER_SBOM"],
  ["that finished too long ago", { predicate: { finished: ago(8) } }, "SCAN_TOO_OLD"],
  ["with a database that is too old", { predicate: { database: { updated: ago(8) } } }, "SCAN_TOO_OLD"],
  ["from the future", { predicate: { finished: ago(-1) } }, "SCAN_INVALID"],
  ["with a database from the future", { predicate: { database: { updated: ago(-1) } } }, "SCAN_INVALID"],
  ["with a field that is not known", { predicate: { verdict: "clean" } }, "SCAN_INVALID"],
  ["of another schema", { predicate: { schema: 2 } }, "SCAN_INVALID"],
] as const) {
  test(`a scan ${what} is refused`, async () => {
    const evidence = await scanned(change as ScanChange);
    assert.deepEqual(codesOf(lab.verify({ policy: policyOf(), evidence })), [code]);
  });
}

test("a scan need not come from the commit that was built, but it must be by a listed signer", async () => {
  const evidence = await scanned({ run: { sha: "b".repeat(40) } });
  assert.deepEqual(codesOf(lab.verify({ policy: policyOf(), evidence })), []);
  const stranger = await scanned({ run: { repository: "evil/neko" } });
  assert.ok(
    codesOf(lab.verify({ policy: policyOf(), evidence: stranger })).every((code) => code.startsWith("IDENTITY_")),
  );
  const ghost = withValues(lab.policy, {
    vulnerabilities: { signers: ["x"], maxAge: "1d", refuse: "low", vex: "ignore" },
  });
  const issues = trustPolicySchema.safeParse(ghost).error?.issues ?? [];
  assert.deepEqual(
    issues.map(({ path }) => path.join(".")),
    ["vulnerabilities.signers.0"],
  );
});

test("scans are not looked at where the policy demands none", async () => {
  assert.deepEqual(codesOf(lab.verify({ evidence: await scanned(found("critical")) })), []);
});

test("an old result that is signed again later hides no newer scan", async () => {
  const bad = await scanStatement(lab, "linux/amd64", found("critical"));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const stale = { predicate: { finished: ago(5), database: { updated: ago(6) } } };
  const old = await scanStatement(lab, "linux/amd64", stale);
  const arm = withScans(lab, lab.evidence, "linux/arm64", [cleanArm]);
  const evidence = withScans(lab, arm, "linux/amd64", [bad, old]);
  assert.deepEqual(codesOf(lab.verify({ policy: policyOf(), evidence })), ["VULNERABILITY_REFUSED"]);
});
