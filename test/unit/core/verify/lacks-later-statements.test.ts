import assert from "node:assert/strict";
import { test } from "node:test";
import { findingCodes } from "../../../../src/core/verify/finding.ts";
import type { Finding, FindingCode } from "../../../../src/core/verify/finding.ts";
import { lackedLater } from "../../../../src/core/verify/lacks-later-statements.ts";

const finding = (code: FindingCode, severity: Finding["severity"] = "refuse"): Finding => ({
  code,
  severity,
  subject: "",
  expected: "",
  found: "",
  remedy: "",
});
const quorum = finding("REBUILD_QUORUM");

for (const [code, statement] of [
  ["REBUILD_QUORUM", "rebuilds"],
  ["REBUILD_MISSING", "rebuilds"],
  ["TEE_SIGNATURE_MISSING", "attested signature"],
  // Other machines' signatures say nothing, in either direction.
  ["TEE_PLATFORM_NOT_ALLOWED", "attested signature"],
  ["TEE_MEASUREMENT_MISMATCH", "attested signature"],
] as const) {
  test(`${code} alone is what time can mend`, () => {
    assert.deepEqual(lackedLater([finding(code)]), [statement]);
    assert.deepEqual(lackedLater([finding(code), finding(code)]), [statement]);
  });
}

test("so it is beside rebuilds that do not count, and beside a note", () => {
  const others = [finding("REBUILD_OTHER_INPUTS"), finding("REBUILD_SUBSTITUTED"), finding("REBUILD_UNMEASURED")];
  assert.deepEqual(lackedLater([quorum, ...others]), ["rebuilds"]);
  assert.deepEqual(lackedLater([quorum, finding("THIRD_PARTY_NOT_VERIFIED", "note")]), ["rebuilds"]);
  assert.deepEqual(lackedLater([finding("TEE_SIGNATURE_MISSING"), quorum]), ["attested signature", "rebuilds"]);
});

test("rebuilds that do not count, and no findings at all, lack nothing", () => {
  assert.deepEqual(lackedLater([]), []);
  assert.deepEqual(lackedLater([finding("REBUILD_OTHER_INPUTS"), finding("REBUILD_SUBSTITUTED")]), []);
  assert.deepEqual(lackedLater([finding("REBUILD_QUORUM", "note")]), []);
});

test("any other finding beside it lacks more than time: a veto, a signature that is false, a check that was skipped, a silent registry", () => {
  const besides = ["REBUILD_OTHER_INPUTS", "REBUILD_SUBSTITUTED", "REBUILD_UNMEASURED"];
  const machines = ["TEE_PLATFORM_NOT_ALLOWED", "TEE_MEASUREMENT_MISMATCH"];
  const waited = ["REBUILD_QUORUM", "REBUILD_MISSING", "TEE_SIGNATURE_MISSING", ...machines, ...besides];
  const others = findingCodes.filter((code) => !waited.includes(code));
  assert.ok(others.includes("REBUILD_MISMATCH") && others.includes("REGISTRY_BROKEN"));
  assert.ok(others.includes("TEE_SIGNER_RELEASE"));
  for (const code of others) {
    assert.deepEqual(lackedLater([quorum, finding(code)]), [], code);
    assert.deepEqual(lackedLater([finding("TEE_SIGNATURE_MISSING"), finding(code)]), [], code);
    assert.deepEqual(lackedLater([finding(code)]), [], code);
  }
  assert.deepEqual(lackedLater([quorum, finding("SKIPPED", "skipped")]), []);
});
