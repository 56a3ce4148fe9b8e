import assert from "node:assert/strict";
import { test } from "node:test";
import { durationOption } from "../../../src/cli/actions/duration-option.ts";
import { runInProcess } from "../../support/command-line.ts";
import { codeThrown } from "../../support/failures.ts";

test("a duration is a number with its unit, and no time when it is not given", () => {
  assert.equal(durationOption("--within", undefined, "7d"), 0);
  assert.equal(durationOption("--within", "90s", "7d"), 90_000);
  assert.equal(durationOption("--within", "5h", "7d"), 18_000_000);
  for (const text of ["", "0s", "5", "5 h", "-1h", "1h30m", "5h\n", "1w", "1234567d"]) {
    const code = codeThrown(() => durationOption("--within", text, "7d"), "taken");
    assert.equal(code, "DURATION_INVALID", JSON.stringify(text));
  }
});

test("verify-image refuses to wait for no duration before it reads a policy or asks a registry", async () => {
  const reference = `127.0.0.1:1/m1k1o/neko/base@sha256:${"0".repeat(64)}`;
  const { code, stderr } = await runInProcess(["verify-image", reference, "--wait-for-rebuilds", "soon"]);
  assert.equal(code, 2);
  assert.match(stderr, /--wait-for-rebuilds "soon"[\s\S]*example, 5h[\s\S]*\(code DURATION_INVALID\)\n$/);
});
