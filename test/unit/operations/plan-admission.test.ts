import assert from "node:assert/strict";
import { test } from "node:test";
import { unverifiedRunning } from "../../../src/operations/plan-admission.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}` as const;

test("what is admitted only because it runs is told on every run; releases of the stack are not", () => {
  const listed = { repository: "ghcr.io/m1k1o/neko/base", current: digest("a"), retained: [digest("b")] };
  assert.deepEqual(unverifiedRunning("europe", [{ ...listed, running: [digest("a"), digest("b")] }]), []);
  const [line = "", ...more] = unverifiedRunning("europe", [{ ...listed, running: [digest("a"), digest("c")] }]);
  assert.deepEqual(more, []);
  assert.match(line, new RegExp(`^cluster europe runs ghcr.io/m1k1o/neko/base@${digest("c")}, .* not verified`));
});
