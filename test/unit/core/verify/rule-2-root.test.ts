import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { labOrganization } from "../../../../src/core/sigstore/trusted-root.ts";
import { withValues } from "../../../support/documents.ts";
import { flipped } from "../../../support/evidence-changes.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { withLabSigstore } from "../../../support/sigstore-lab.ts";
import { productionRootBytes } from "../../../support/sigstore-production-root.ts";

const lab = await startReleaseLab();
const day = 24 * 3600 * 1000;
const root: unknown = JSON.parse(Buffer.from(lab.sigstore.trustedRoot).toString("utf8"));

/** Codes under a policy that pins the given root's bytes. */
function codesWithRoot(trustedRoot: Uint8Array): readonly string[] {
  const policy = lab.policyWith({ "roots.sigstore.sha256": sha256Hex(trustedRoot) });
  return codesOf(lab.verify({ evidence: { ...lab.evidence, trustedRoot }, policy }));
}

function rootWith(changes: Readonly<Record<string, unknown>>): Uint8Array {
  return Buffer.from(JSON.stringify(withValues(root, changes)));
}

test("refuses a root of other bytes than the policy pins, be it one byte or another instance's", async () => {
  const changed = flipped(lab.sigstore.trustedRoot, 100, 1);
  const evidence = { ...lab.evidence, trustedRoot: changed };
  assert.deepEqual(codesOf(lab.verify({ evidence })), ["ROOT_DIGEST_MISMATCH", "SKIPPED"]);
  const spaced = Buffer.concat([lab.sigstore.trustedRoot, Buffer.from("\n")]);
  const same = { ...lab.evidence, trustedRoot: spaced };
  assert.deepEqual(codesOf(lab.verify({ evidence: same })), ["ROOT_DIGEST_MISMATCH", "SKIPPED"]);
  await withLabSigstore((other) => {
    const foreign = { ...lab.evidence, trustedRoot: other.trustedRoot };
    assert.deepEqual(codesOf(lab.verify({ evidence: foreign })), ["ROOT_DIGEST_MISMATCH", "SKIPPED"]);
  });
});

test("refuses every statement under another instance's root, though the policy pins that one", async () => {
  await withLabSigstore((other) => {
    const codes = codesWithRoot(other.trustedRoot);
    assert.ok(codes.includes("BUNDLE_CERTIFICATE_INVALID") || codes.includes("BUNDLE_TIME_INVALID"), codes.join());
    assert.ok(!codes.some((code) => code.startsWith("MANIFEST_")));
  });
});

test("refuses the lab's statements under the public-good root", () => {
  const codes = codesWithRoot(productionRootBytes());
  assert.ok(codes.includes("BUNDLE_TIME_INVALID"), codes.join());
});

test("takes a root until its age is the policy's, and not a second longer", () => {
  const fetched = new Date(lab.now.getTime() - 30 * day);
  const policy = lab.policyWith({ "roots.sigstore.fetched": fetched.toISOString(), "roots.sigstore.maxAge": "31d" });
  const limit = new Date(fetched.getTime() + 31 * day);
  assert.deepEqual(codesOf(lab.verify({ policy, now: limit })), []);
  const late = new Date(limit.getTime() + 1000);
  assert.deepEqual(codesOf(lab.verify({ policy, now: late })), ["ROOT_TOO_OLD", "SKIPPED"]);
});

test("refuses a root that was fetched in the future: it would age for ever", () => {
  const fetched = (milliseconds: number): readonly string[] => {
    const date = new Date(lab.now.getTime() + milliseconds).toISOString();
    return codesOf(lab.verify({ policy: lab.policyWith({ "roots.sigstore.fetched": date }), now: lab.now }));
  };
  assert.deepEqual(fetched(day), ["ROOT_TOO_OLD", "SKIPPED"]);
  assert.deepEqual(fetched(30_000), []);
});

for (const [what, path] of [
  ["transparency log", "tlogs.0.publicKey.validFor"],
  ["certificate log", "ctlogs.0.publicKey.validFor"],
  ["certificate authority", "certificateAuthorities.0.validFor"],
  ["time-stamp authority", "timestampAuthorities.0.validFor"],
] as const) {
  test(`T23: refuses a root whose ${what} has no start of validity`, () => {
    assert.deepEqual(codesWithRoot(rootWith({ [path]: undefined })), ["ROOT_KEY_WITHOUT_START", "SKIPPED"]);
    assert.deepEqual(codesWithRoot(rootWith({ [path]: {} })), ["ROOT_KEY_WITHOUT_START", "SKIPPED"]);
  });
}

test("refuses a root that is none: no JSON, an unknown key, no log, no certificate", () => {
  for (const bytes of [
    Buffer.from("not JSON"),
    Buffer.from("{}"),
    Buffer.from("null"),
    rootWith({ tlogs: [] }),
    rootWith({ "tlogs.0.publicKey.validFor.ende": "2020-01-01T00:00:00Z" }),
    rootWith({ "certificateAuthorities.0.certChain.certificates.0.rawBytes": "AAAA" }),
  ]) {
    assert.deepEqual(codesWithRoot(bytes), ["ROOT_INVALID", "SKIPPED"]);
  }
});

test("refuses what a log signed before its key was valid", () => {
  const later = new Date(lab.now.getTime() + day).toISOString();
  const codes = codesWithRoot(rootWith({ "tlogs.0.publicKey.validFor.start": later }));
  assert.deepEqual([...new Set(codes)].sort(), ["BUNDLE_LOG_INVALID", "SKIPPED"]);
});

for (const environment of ["staging", "production"] as const) {
  test(`refuses a lab's root in environment ${environment}, whatever the policy pins`, () => {
    const policy = lab.policyWith({ environment });
    assert.deepEqual(codesOf(lab.verify({ policy })), ["ROOT_LOCAL_OUTSIDE_LOCAL", "SKIPPED"]);
  });
}

test("knows a lab's root by its certificates, also when its entries do not name it", () => {
  const unnamed = rootWith({
    "certificateAuthorities.0.subject": { organization: "sigstore.dev", commonName: "sigstore" },
    "timestampAuthorities.0.subject": { organization: "sigstore.dev", commonName: "sigstore" },
  });
  const policy = lab.policyWith({ environment: "staging", "roots.sigstore.sha256": sha256Hex(unnamed) });
  const checked = lab.verify({ policy, evidence: { ...lab.evidence, trustedRoot: unnamed } });
  assert.deepEqual(codesOf(checked), ["ROOT_LOCAL_OUTSIDE_LOCAL", "SKIPPED"]);
  assert.ok(!checked.ok && checked.findings[0].found.includes(labOrganization));
});

test("age and origin of a root are found together", () => {
  const policy = lab.policyWith({ environment: "staging", "roots.sigstore.fetched": "2020-01-01T00:00:00Z" });
  assert.deepEqual(codesOf(lab.verify({ policy })), ["ROOT_TOO_OLD", "ROOT_LOCAL_OUTSIDE_LOCAL", "SKIPPED"]);
});

for (const [threshold, what] of [
  ["tlog", "transparency log"],
  ["ct", "certificate transparency log"],
  ["tsa", "time-stamp authority"],
] as const) {
  test(`T24: refuses fewer distinct logs than roots.${threshold} demands`, () => {
    const checked = lab.verify({ policy: lab.policyWith({ [`roots.${threshold}`]: 2 }) });
    assert.deepEqual([...new Set(codesOf(checked))].sort(), ["BUNDLE_THRESHOLD", "SKIPPED"]);
    assert.ok(!checked.ok && checked.findings[0].expected.includes(`2 distinct ${what}`));
  });
}
