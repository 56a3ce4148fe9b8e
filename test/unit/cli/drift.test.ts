import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { driftAction } from "../../../src/cli/actions/drift.ts";
import { driftIn } from "../../../src/engine/official-preview.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { operateRig, stagingText } from "../../support/operate-rig.ts";
import type { OperateRig } from "../../support/operate-rig.ts";
import type { TestContext } from "node:test";

const urn = (type: string, name: string): string =>
  `urn:pulumi:staging::neko-trust::neko-trust:github:X$${type}::${name}`;

function answering(t: TestContext, document: unknown, code = 0): OperateRig {
  const rig = operateRig(t);
  rig.write("staging", stagingText());
  const file = join(rig.checkout, "preview.json");
  writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document));
  rig.program("pulumi", `/bin/cat '${file}'; echo "error: something" >&2; exit ${code}`);
  return rig;
}

test("a plan in which all stays the same is no drift", async (t) => {
  const rig = answering(t, { steps: [{ op: "same", urn: urn("a:b:C", "one") }], changeSummary: { same: 1 } });
  const outcome = await driftAction("staging", rig.context());
  assert.equal(outcome.exitCode, 0);
  assert.deepEqual(rig.calls("pulumi"), ["preview --refresh --json --non-interactive --stack staging"]);
});

test("each resource that differs is told with the properties, never with their values, and it exits 1", async (t) => {
  const rig = answering(t, {
    steps: [
      { op: "refresh", urn: urn("a:b:C", "zero") },
      {
        op: "update",
        urn: urn("a:b:C", "one"),
        detailedDiff: { "spec.b": { kind: "update" }, "spec.a": {} },
        newState: { inputs: { x: "hush" } },
      },
      { op: "create", urn: urn("a:b:C", "two") },
      { op: "replace", urn: urn("a:b:C", "three"), diffReasons: ["name"] },
      { odd: true },
    ],
  });
  const outcome = await driftAction("staging", rig.context());
  assert.equal(outcome.exitCode, 1);
  assert.deepEqual(outcome.lines.slice(1, 4), [
    "  a:b:C one differs: spec.a, spec.b",
    "  a:b:C two is gone",
    "  a:b:C three differs (replace): name",
  ]);
  assert.ok(!JSON.stringify(outcome).includes("hush"));
});

test("a preview that fails, or says what can't be read, is no answer", async (t) => {
  for (const [document, code] of [
    [{ diagnostics: [{ severity: "error", message: "no credentials" }] }, 255],
    ["no json", 0],
    [{ steps: "none" }, 0],
    ["", 0],
  ] as const) {
    const rig = answering(t, document, code);
    assert.equal(await failureCodeOf(driftAction("staging", rig.context())), "PREVIEW_FAILED");
  }
  const rig = operateRig(t);
  rig.write("staging", stagingText());
  assert.equal(await failureCodeOf(driftAction("staging", rig.context())), "ENGINE_NOT_FOUND");
  assert.equal(await failureCodeOf(driftAction("other", rig.context())), "STACK_UNKNOWN");
  assert.deepEqual(driftIn([null, 1, "x"]), []);
});
