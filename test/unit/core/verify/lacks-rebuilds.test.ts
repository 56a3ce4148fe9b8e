import assert from "node:assert/strict";
import { test } from "node:test";
import { findingCodes } from "../../../../src/core/verify/finding.ts";
import type { Finding, FindingCode } from "../../../../src/core/verify/finding.ts";
import { lacksOnlyRebuilds } from "../../../../src/core/verify/lacks-rebuilds.ts";

const finding = (code: FindingCode, severity: Finding["severity"] = "refuse"): Finding => ({
  code,
  severity,
  subject: "",
  expected: "",
  found: "",
  remedy: "",
});
const quorum = finding("REBUILD_QUORUM");

for (const code of ["REBUILD_QUORUM", "REBUILD_MISSING"] as const) {
  test(`${code} alone is what time can mend`, () => {
    assert.equal(lacksOnlyRebuilds([finding(code)]), true);
    assert.equal(lacksOnlyRebuilds([finding(code), finding(code)]), true);
  });
}

test("so it is beside rebuilds that do not count, and beside a note", () => {
  assert.equal(lacksOnlyRebuilds([quorum, finding("REBUILD_OTHER_INPUTS"), finding("REBUILD_SUBSTITUTED")]), true);
  assert.equal(lacksOnlyRebuilds([quorum, finding("THIRD_PARTY_NOT_VERIFIED", "note")]), true);
});

test("rebuilds that do not count, and no findings at all, lack nothing", () => {
  assert.equal(lacksOnlyRebuilds([]), false);
  assert.equal(lacksOnlyRebuilds([finding("REBUILD_OTHER_INPUTS"), finding("REBUILD_SUBSTITUTED")]), false);
  assert.equal(lacksOnlyRebuilds([finding("REBUILD_QUORUM", "note")]), false);
});

test("any other finding beside it is no lack of rebuilds: a veto, a check that was skipped, a silent registry", () => {
  const besides = ["REBUILD_OTHER_INPUTS", "REBUILD_SUBSTITUTED", "REBUILD_UNMEASURED"];
  const waited = ["REBUILD_QUORUM", "REBUILD_MISSING", ...besides];
  const others = findingCodes.filter((code) => !waited.includes(code));
  assert.ok(others.includes("REBUILD_MISMATCH") && others.includes("REGISTRY_BROKEN"));
  for (const code of others) {
    assert.equal(lacksOnlyRebuilds([quorum, finding(code)]), false, code);
    assert.equal(lacksOnlyRebuilds([finding(code)]), false, code);
  }
  assert.equal(lacksOnlyRebuilds([quorum, finding("SKIPPED", "skipped")]), false);
});
