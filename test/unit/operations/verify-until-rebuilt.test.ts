import assert from "node:assert/strict";
import { test } from "node:test";
import type { FindingCode } from "../../../src/core/verify/finding.ts";
import { verifyUntilRebuilt } from "../../../src/operations/verify-until-rebuilt.ts";
import type { UntilRebuiltRequest } from "../../../src/operations/verify-until-rebuilt.ts";
import type { ImageVerdict } from "../../../src/operations/verify-images.ts";
import { startReleaseLab } from "../../support/release-lab.ts";

const lab = await startReleaseLab();
const checked = lab.verify();
assert.ok(checked.ok);
const { data: release } = checked.proof;

const digest = `sha256:${"a".repeat(64)}` as const;
const verified = (reference: string): ImageVerdict => ({
  reference,
  kind: "verified",
  resolved: `r/x@${digest}`,
  release,
});
const refused =
  (...codes: FindingCode[]) =>
  (reference: string): ImageVerdict => ({
    reference,
    kind: codes.every((code) => code.startsWith("REGISTRY_")) ? "unavailable" : "refused",
    resolved: `r/x@${digest}`,
    findings: codes.map((code) => ({ code, severity: "refuse", subject: "", expected: "", found: "", remedy: "" })),
  });
const lacking = refused("REBUILD_QUORUM");
const unanswered = (reference: string): ImageVerdict => ({
  reference,
  kind: "unanswered",
  failure: { code: "REGISTRY_BROKEN", kind: "unavailable", message: "", remedy: "", details: [] },
});

type Answer = (reference: string) => ImageVerdict;

/** Verifies by a list of answers, one for each call, the last one for all after it; time passes only in sleep. */
async function run(
  answers: readonly Answer[],
  changes: Partial<Pick<UntilRebuiltRequest, "references" | "deep" | "waitMilliseconds">> = {},
) {
  const start = Date.parse("2026-11-23T12:00:00Z");
  let time = start;
  const [looks, pauses, said] = [
    [] as { readonly references: readonly string[]; readonly at: number; readonly deep: boolean }[],
    [] as number[],
    [] as string[],
  ];
  const result = await verifyUntilRebuilt({
    references: ["r/x:1"],
    deep: false,
    waitMilliseconds: 3_600_000,
    ...changes,
    verify: (references, { now, deep }) => {
      const answer = answers[Math.min(looks.length, answers.length - 1)];
      assert.ok(answer !== undefined);
      looks.push({ references, at: (now.getTime() - start) / 1000, deep: deep === true });
      return Promise.resolve(references.map((reference) => answer(reference)));
    },
    now: () => new Date(time),
    sleep: (milliseconds) => {
      assert.ok(milliseconds > 0);
      pauses.push(milliseconds / 1000);
      time += milliseconds;
      return Promise.resolve();
    },
    progress: (line) => said.push(line),
  });
  return { ...result, looks, pauses, said, elapsed: (time - start) / 1000 };
}

const kinds = ({ verdicts }: Awaited<ReturnType<typeof run>>) => verdicts.map(({ kind }) => kind);

test("what is proven at once is looked at once, whatever one would wait", async () => {
  const done = await run([verified]);
  assert.deepEqual([kinds(done), done.pauses, done.looks.length], [["verified"], [], 1]);
});

test("without a time to wait, a missing rebuild refuses at once", async () => {
  const done = await run([lacking, verified], { waitMilliseconds: 0 });
  assert.deepEqual([kinds(done), done.looks.length], [["refused"], 1]);
});

test("a rebuild that appears meanwhile is found, each look at its own time; the tag is resolved the first time alone", async () => {
  const done = await run([lacking, lacking, lacking, verified]);
  assert.deepEqual(kinds(done), ["verified"]);
  assert.deepEqual(done.pauses, [30, 60, 120]);
  assert.deepEqual(
    done.looks.map(({ at }) => at),
    [0, 30, 90, 210],
  );
  assert.equal(done.verifiedAt.toISOString(), "2026-11-23T12:03:30.000Z");
  assert.deepEqual(
    done.looks.map(({ references }) => references),
    [["r/x:1"], ...Array.from({ length: 3 }, () => [`r/x@${digest}`])],
  );
  assert.equal(done.verdicts[0]?.reference, "r/x:1");
  assert.deepEqual(done.said[0], "rebuilds are missing: looking again in 30 s, until 2026-11-23T13:00:00.000Z");
});

test("when the time is over the refusal is what it is; pauses grow to five minutes, and the last one ends with the time", async () => {
  const done = await run([lacking]);
  assert.deepEqual(kinds(done), ["refused"]);
  assert.deepEqual(done.pauses.slice(0, 6), [30, 60, 120, 240, 300, 300]);
  assert.ok(Math.max(...done.pauses) === 300);
  assert.equal(done.elapsed, 3600);
  assert.equal(done.looks.at(-1)?.at, 3600);
});

for (const [what, answer] of [
  ["a veto", refused("REBUILD_MISMATCH")],
  ["a veto beside a missing rebuild", refused("REBUILD_QUORUM", "REBUILD_MISMATCH")],
  ["another refusal", refused("VERSION_TOO_OLD", "REBUILD_QUORUM")],
  ["evidence that can't be read", refused("REGISTRY_BROKEN")],
  ["no answer", unanswered],
] as const) {
  test(`${what} ends it at once, at the first look and at a later one`, async () => {
    const first = await run([answer, verified]);
    assert.deepEqual([first.looks.length, first.pauses], [1, []]);
    assert.notDeepEqual(kinds(first), ["verified"]);
    const later = await run([lacking, answer, verified], { deep: true });
    assert.notDeepEqual(kinds(later), ["verified"]);
    assert.deepEqual(later.pauses, [30]);
  });
}

test("going deep, the first look and the one that proves go deep, and those between them do not", async () => {
  const done = await run([lacking, lacking, verified, verified], { deep: true });
  assert.deepEqual(kinds(done), ["verified"]);
  assert.deepEqual(
    done.looks.map(({ deep }) => deep),
    [true, false, false, true],
  );
});

test("going deep, it is the deep look that has the last word", async () => {
  const done = await run([lacking, verified, refused("NAR_HASH_MISMATCH")], { deep: true });
  assert.deepEqual([kinds(done), done.looks.length], [["refused"], 3]);
});

test("of several images all are verified in each look, and one that is refused for good ends it for all", async () => {
  const references = ["r/a:1", "r/b:1"];
  const mixed = (reference: string): ImageVerdict => (reference === "r/b:1" ? lacking(reference) : verified(reference));
  const done = await run([mixed, verified], { references });
  assert.deepEqual(kinds(done), ["verified", "verified"]);
  assert.deepEqual(
    done.verdicts.map(({ reference }) => reference),
    references,
  );
  const stopped = await run([(reference) => (reference === "r/b:1" ? lacking : unanswered)(reference)], { references });
  assert.equal(stopped.looks.length, 1);
});

test("an interruption of the pause ends it", async () => {
  const reason = new Error("interrupted");
  await assert.rejects(
    verifyUntilRebuilt({
      references: ["r/x:1"],
      verify: (references) => Promise.resolve(references.map(lacking)),
      deep: false,
      waitMilliseconds: 1000,
      now: () => new Date(),
      sleep: () => Promise.reject(reason),
      progress: () => undefined,
    }),
    reason,
  );
});
