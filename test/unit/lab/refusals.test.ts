import assert from "node:assert/strict";
import { test } from "node:test";
import { summaryLine } from "../../../lab/resource-report.ts";
import { assertRefused } from "../../../lab/tamper.ts";
import { assertVerdicts } from "../../../lab/verdicts.ts";
import type { Verdict } from "../../../lab/verdicts.ts";
import { codeThrown } from "../../support/failures.ts";

const codeOf = (call: () => unknown): string => codeThrown(call, "accepted");

test("a second up says that nothing changed, and only when nothing did", () => {
  assert.equal(summaryLine({ same: 20 }), "nothing changed: 20 resources, all same");
  assert.equal(summaryLine({ same: 20, create: 0 }), "nothing changed: 20 resources, all same");
  assert.equal(summaryLine({ same: 19, update: 1 }), "19 same, 1 update");
  assert.equal(summaryLine({ create: 20 }), "20 create");
});

test("a tampered copy counts as refused only with exit code 1 and the refusal in words", () => {
  const lines = ['✗ refused under policy "neko-lab": …'];
  assert.equal(
    codeOf(() => {
      assertRefused({ exitCode: 1, lines });
    }),
    "accepted",
  );
  for (const [exitCode, printed] of [
    [0, ["✓ verified"]],
    [0, lines],
    [1, ["something else went wrong"]],
    [3, lines],
    [4, ["error: This is a bug"]],
    [null, []],
  ] as const) {
    assert.equal(
      codeOf(() => {
        assertRefused({ exitCode, lines: printed });
      }),
      "TAMPERED_COPY_NOT_REFUSED",
    );
  }
});

const byBaseline = "ValidatingAdmissionPolicy 'neko-trust-pods' with binding 'neko-trust-pods' denied request: …";
const right: readonly Verdict[] = [
  { pod: "unpinned", image: "a:latest", expected: "refused", verdict: "refused", message: byBaseline },
  { pod: "release", image: "a@sha256:…", expected: "admitted", verdict: "admitted", message: "" },
];

test("verdicts must be the expected ones, and refusals the baseline's own", () => {
  const check = (verdicts: readonly Verdict[]): string =>
    codeOf(() => {
      assertVerdicts(verdicts);
    });
  assert.equal(check(right), "accepted");
  const [unpinned, release] = right as [Verdict, Verdict];
  assert.equal(check([{ ...unpinned, verdict: "admitted", message: "" }, release]), "VERDICT_WRONG");
  assert.equal(check([unpinned, { ...release, verdict: "refused", message: byBaseline }]), "VERDICT_WRONG");
  assert.equal(check([{ ...unpinned, message: "exceeded quota: pods" }, release]), "VERDICT_WRONG");
});
