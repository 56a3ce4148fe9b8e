import assert from "node:assert/strict";
import { test } from "node:test";
import { outcomeOfMany, outcomeOfOne } from "../../../src/cli/actions/verdict-outcome.ts";
import { Failure } from "../../../src/core/failure.ts";
import type { Finding, FindingCode } from "../../../src/core/verify/finding.ts";
import type { ImageVerdict } from "../../../src/operations/verify-images.ts";
import { sampleDigest } from "../../support/policies.ts";
import { sampleReleaseData } from "../../support/releases.ts";

const resolved = `r.example/a@${sampleDigest("1")}`;
const finding = (code: FindingCode): Finding => {
  return { code, severity: "refuse", subject: "s", expected: "e", found: "f", remedy: "r" };
};
const verified: ImageVerdict = {
  reference: resolved,
  kind: "verified",
  resolved,
  release: sampleReleaseData(sampleDigest("1")),
};
const refused: ImageVerdict = { reference: "r.example/a:1", kind: "refused", resolved, findings: [finding("REVOKED")] };
const unavailable: ImageVerdict = { ...refused, kind: "unavailable", findings: [finding("REGISTRY_BROKEN")] };
const waived: ImageVerdict = { ...refused, kind: "waived", findings: [finding("THIRD_PARTY_NOT_VERIFIED")] };
const unanswered: ImageVerdict = {
  reference: "r.example/b:1",
  kind: "unanswered",
  failure: { code: "REGISTRY_ABSENT", kind: "unavailable", message: "No such thing\u001b[2K.", remedy: "Push it." },
};
const strict = { policy: "p", acceptWaivers: false, tree: false };
const lenient = { ...strict, acceptWaivers: true };

test("one reference gives one document, without a list", () => {
  assert.deepEqual(outcomeOfOne(verified, strict).document, {
    ok: true,
    resolved,
    policy: "p",
    release: verified.release,
  });
  assert.deepEqual(outcomeOfOne(refused, strict).document, {
    ok: false,
    resolved,
    policy: "p",
    findings: refused.findings,
  });
  assert.throws(
    () => outcomeOfOne(unanswered, strict),
    (error: unknown) => error instanceof Failure && error.code === "REGISTRY_ABSENT",
  );
});

test("a waiver is a refusal unless waivers are accepted, and never a verification", () => {
  const one = outcomeOfOne(waived, strict);
  assert.equal(one.exitCode, 1);
  assert.equal(one.lines[0], `✗ refused under policy "p": ${resolved}`);
  const accepted = outcomeOfOne(waived, lenient);
  assert.equal(accepted.exitCode, 0);
  assert.equal(accepted.lines[0], `– waived (not verified) under policy "p": ${resolved}`);
  assert.deepEqual(accepted.document, { ok: false, waived: true, resolved, policy: "p", findings: waived.findings });
  const many = outcomeOfMany([verified, waived], lenient);
  assert.equal(many.exitCode, 0);
  assert.ok(many.lines.includes(`– waived (not verified) r.example/a:1 (${resolved})`));
  assert.equal(many.lines.at(-1), '1 of 2 images verified, 1 waived under policy "p"');
  assert.equal((many.document as { ok: boolean }).ok, false);
  assert.equal(outcomeOfMany([verified, waived], strict).exitCode, 1);
});

for (const [what, verdicts, exitCode] of [
  ["all verified", [verified, verified], 0],
  ["one refused", [verified, refused], 1],
  ["one not readable", [verified, unavailable], 3],
  ["one that the registry was not asked for", [verified, unanswered], 3],
  ["refused and not readable", [unavailable, unanswered, refused], 1],
  ["none", [], 0],
] as const) {
  test(`several references, ${what}: exit ${exitCode}`, () => {
    assert.equal(outcomeOfMany(verdicts, lenient).exitCode, exitCode);
  });
}

test("several references give a line each in their order, and what those lack that failed", () => {
  const { lines, document } = outcomeOfMany([verified, refused, unanswered], strict);
  assert.deepEqual(lines, [
    `✓ verified ${resolved}`,
    `✗ refused r.example/a:1 (${resolved})`,
    "  ✗ REVOKED  s",
    "      expected  e",
    "      found     f",
    "      to do     r",
    "✗ not verified, its evidence can't be read: r.example/b:1",
    "  error: No such thing\\u{1b}[2K.",
    "  to do: Push it.",
    "  (code REGISTRY_ABSENT)",
    '1 of 3 images verified, 1 refused, 1 not readable under policy "p"',
  ]);
  const { ok, results } = document as { ok: boolean; results: readonly Record<string, unknown>[] };
  assert.equal(ok, false);
  assert.deepEqual(
    results.map(({ reference, ok: each }) => [reference, each]),
    [
      [resolved, true],
      ["r.example/a:1", false],
      ["r.example/b:1", false],
    ],
  );
  assert.equal((results[2]?.["error"] as { code: string }).code, "REGISTRY_ABSENT");
});

test("trees are printed for several only when they are asked for", () => {
  const plain = outcomeOfMany([verified, verified], strict).lines;
  const tree = outcomeOfMany([verified, verified], { ...strict, tree: true }).lines;
  assert.equal(plain.length, 3);
  assert.ok(tree.some((line) => line.startsWith("  ├─ ")));
});
