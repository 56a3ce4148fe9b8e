import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/core/failure.ts";
import { refuseForeignStandIns } from "../../../src/config/stand-in-guard.ts";

const attached = { PULUMI_DEBUG_PROVIDERS: "kubernetes:40001" };

function codeOf(
  stack: string,
  environment: Readonly<Record<string, string>>,
  offline: boolean,
  dryRun: boolean,
): string {
  try {
    refuseForeignStandIns(stack, { environment, offline, dryRun });
    return "none";
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.equal(error.kind, "usage");
    return error.code;
  }
}

for (const [stack, environment, offline, dryRun, code] of [
  ["local", {}, false, false, "none"],
  ["local", attached, false, false, "none"],
  ["local", attached, false, true, "none"],
  ["local", attached, true, true, "none"],
  ["local", attached, true, false, "OFFLINE_ONLY_PREVIEWS"],
  ["staging", {}, false, false, "none"],
  ["staging", {}, false, true, "none"],
  ["staging", { PULUMI_DEBUG_PROVIDERS: "" }, false, false, "none"],
  ["staging", attached, true, true, "none"],
  ["staging", {}, true, true, "none"],
  ["staging", attached, false, false, "STAND_INS_OTHER_STACK"],
  ["staging", attached, false, true, "STAND_INS_OTHER_STACK"],
  ["staging", attached, true, false, "OFFLINE_ONLY_PREVIEWS"],
  ["staging", {}, true, false, "OFFLINE_ONLY_PREVIEWS"],
  ["production", attached, false, false, "STAND_INS_OTHER_STACK"],
  ["locals", attached, false, false, "STAND_INS_OTHER_STACK"],
  ["Local", attached, false, false, "STAND_INS_OTHER_STACK"],
  ["", attached, false, false, "STAND_INS_OTHER_STACK"],
] as const) {
  const how = [
    "PULUMI_DEBUG_PROVIDERS" in environment && environment.PULUMI_DEBUG_PROVIDERS !== "" ? "stand-ins" : "no stand-ins",
    ...(offline ? ["offline"] : []),
    dryRun ? "preview" : "update",
  ];
  test(`stack "${stack}", ${how.join(", ")}: ${code}`, () => {
    assert.equal(codeOf(stack, environment, offline, dryRun), code);
  });
}
