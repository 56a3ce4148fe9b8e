import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { writeCollateral } from "../../../lab/tdx/collateral-writer.ts";
import type { CollateralChanges } from "../../../lab/tdx/collateral-writer.ts";
import { startPcsServer } from "../../../lab/tdx/pcs-server.ts";
import type { PcsAnswer } from "../../../lab/tdx/pcs-server.ts";
import { createTdxPki } from "../../../lab/tdx/pki.ts";
import { labTdReport } from "../../../lab/tdx/platform.ts";
import { writeQuote } from "../../../lab/tdx/quote-writer.ts";
import type { TdReport } from "../../../src/core/tdx/contract.ts";
import { fault } from "../../../src/core/tdx/fault.ts";
import { teeStatusOutcome } from "../../../src/cli/actions/tee-status-outcome.ts";
import { teeStatus } from "../../../src/operations/tee-status.ts";
import type { TeeStatusRequest } from "../../../src/operations/tee-status.ts";
import { failureCodeOf } from "../../support/failures.ts";

const start = new Date("2026-11-01T00:00:00Z");
const day = 24 * 3600 * 1000;
const after = (days: number): Date => new Date(start.getTime() + days * day);
const pki = createTdxPki({ now: new Date("2026-01-01T00:00:00Z") });
const platform = { fmspc: pki.platform.fmspc, ca: "platform" } as const;
const zeros = "0".repeat(96);
const measurements = { mrtd: zeros, rtmr0: zeros, rtmr1: zeros, rtmr2: zeros, rtmr3: zeros };
const quoteOf = (report: Partial<TdReport> = {}) =>
  writeQuote(pki, { ...labTdReport(measurements, Buffer.alloc(64)), ...report });
const issued = (changes: CollateralChanges = {}) =>
  writeCollateral(pki, { issued: after(0), nextUpdate: after(30) }, changes);
const policy = { statuses: ["UpToDate"], advisoriesAllowed: [], minEvaluation: 20, platforms: [pki.platform.ppid] };

interface Level {
  readonly [name: string]: unknown;
}
/** A new level that the lab's platform does not have yet; what it has becomes out of date. */
const recovery = (document: Record<string, unknown>) => {
  const [first, ...rest] = document["tcbLevels"] as Level[];
  const { tcb } = first as { tcb: { pcesvn: number } };
  return {
    ...document,
    tcbEvaluationDataNumber: 21,
    tcbLevels: [
      { ...first, tcb: { ...tcb, pcesvn: tcb.pcesvn + 1 } },
      { ...first, tcbStatus: "OutOfDate", advisoryIDs: ["INTEL-SA-09999"] },
      ...rest,
    ],
  };
};

async function rig(t: TestContext, early: CollateralChanges = {}) {
  const cache = mkdtempSync(join(tmpdir(), "neko-trust-tee-"));
  const state = { change: (answer: PcsAnswer): PcsAnswer => answer, standard: issued() };
  const server = await startPcsServer({
    platform,
    collateral: (_platform, update) => (update === "early" ? issued(early) : state.standard),
    change: (answer) => state.change(answer),
  });
  t.after(async () => {
    await server.stop();
    rmSync(cache, { recursive: true });
  });
  const status = (changes: Partial<TeeStatusRequest> = {}) =>
    teeStatus({
      subject: { kind: "quote", quote: quoteOf() },
      service: { addresses: server.addresses, cache, retries: 0 },
      withinMilliseconds: 0,
      at: after(1),
      trust: pki.trust,
      ...changes,
    });
  return { status, state, server };
}
const codes = ({ faults }: Awaited<ReturnType<typeof teeStatus>>) => faults.map(({ code }) => code);

test("tells an up-to-date platform, until when that can be shown, and that nothing is announced", async (t) => {
  const { status } = await rig(t);
  const found = await status({ policy });
  assert.deepEqual(codes(found), []);
  assert.equal(found.quote?.tcb.status, "UpToDate");
  assert.deepEqual(found.quote.expires, after(30));
  assert.deepEqual(found.age?.nextUpdate, after(30));
  assert.equal(found.announced.kind, "nothing");
  const outcome = teeStatusOutcome(found);
  assert.equal(outcome.exitCode, 0);
  assert.match(outcome.lines[0] ?? "", /^✓ UpToDate: level of 2026-03-11, platform /);
  assert.ok(outcome.lines.includes("  everything valid until 2026-12-01T00:00:00.000Z (29 days)"));
});

test("tells what Intel announced before it counts, and does not refuse for it", async (t) => {
  const { status } = await rig(t, { tcbInfo: recovery });
  const found = await status({ policy });
  assert.deepEqual(codes(found), []);
  assert.equal(found.announced.kind, "change");
  const { lines, exitCode } = teeStatusOutcome(found);
  assert.equal(exitCode, 0);
  assert.ok(
    lines.some((line) => line.includes("announced: evaluation 20 changes it to OutOfDate INTEL-SA-09999")),
    lines.join("\n"),
  );
});

test("refuses a platform that a recovery left behind, and names its advisories", async (t) => {
  const { status, state } = await rig(t);
  state.standard = issued({ tcbInfo: recovery });
  assert.deepEqual(codes(await status({ policy })), ["TCB_STATUS_NOT_ALLOWED", "TCB_ADVISORY_NOT_ALLOWED"]);
  const without = await status();
  assert.deepEqual(codes(without), ["TCB_STATUS_NOT_ALLOWED"]);
  assert.deepEqual(without.quote?.tcb.advisories, ["INTEL-SA-09999"]);
  assert.equal(teeStatusOutcome(without).exitCode, 1);
  const allowing = { ...policy, statuses: ["OutOfDate"], advisoriesAllowed: ["INTEL-SA-09999"] };
  assert.deepEqual(codes(await status({ policy: allowing })), []);
});

test("refuses what ends within the time that is given", async (t) => {
  const { status } = await rig(t);
  assert.deepEqual(codes(await status({ withinMilliseconds: 28 * day })), []);
  assert.deepEqual(codes(await status({ withinMilliseconds: 29 * day })), ["COLLATERAL_EXPIRED"]);
  assert.deepEqual(codes(await status({ subject: { kind: "platform", platform }, withinMilliseconds: 29 * day })), [
    "COLLATERAL_EXPIRED",
  ]);
});

test("refuses another machine, and statements that are older than the policy's", async (t) => {
  const { status } = await rig(t);
  assert.deepEqual(codes(await status({ policy: { ...policy, platforms: ["0".repeat(32)] } })), [
    "TD_PLATFORM_NOT_ALLOWED",
  ]);
  assert.deepEqual(codes(await status({ policy: { ...policy, minEvaluation: 21 } })), ["TCB_EVALUATION_TOO_OLD"]);
  const subject = { kind: "platform", platform } as const;
  assert.deepEqual(codes(await status({ subject, policy: { ...policy, minEvaluation: 21 } })), [
    "TCB_EVALUATION_TOO_OLD",
  ]);
});

test("with given collateral asks nobody, and says when it has expired", async (t) => {
  const { status, server } = await rig(t);
  const found = await status({ collateral: issued() });
  assert.deepEqual([codes(found), found.announced.kind], [[], "not-asked"]);
  const late = await status({ collateral: issued(), at: after(31) });
  assert.ok(codes(late).includes("COLLATERAL_EXPIRED") && codes(late).includes("COLLATERAL_CRL_EXPIRED"));
  assert.equal(late.quote, undefined);
  const { lines, exitCode } = teeStatusOutcome(late);
  assert.equal(exitCode, 1);
  assert.equal(lines[0], "✗ the quote does not hold");
  assert.ok(lines.some((line) => line.endsWith("(over)")));
  // Once for all of them, and not of a signature: nothing is signed here.
  assert.deepEqual(
    lines.filter((line) => line.startsWith("  to do: ")),
    ["  to do: Leave out --collateral, and Intel's service is asked; or give with --at a time at which the file held."],
  );
  assert.match(lines.at(-2) ?? "", /^✗ COLLATERAL_EXPIRED: QE identity: /);
  const mixed = { ...late, faults: [...late.faults.slice(0, 2), fault("TD_DEBUG", "quote", "a", "b"), ...late.faults] };
  const remedies = teeStatusOutcome(mixed).lines.filter((line) => line.startsWith("  to do: "));
  assert.equal(remedies.length, 3);
  assert.match(
    teeStatusOutcome({ ...late, announced: { kind: "nothing" } }).lines.at(-1) ?? "",
    /at the time of signing/,
  );
  assert.deepEqual(server.asked, []);
});

test("that early statements could not be asked is told, and is not 'no change'", async (t) => {
  const { status, state } = await rig(t);
  state.change = (answer) => (answer.path.includes("update=early") ? { ...answer, status: 500 } : answer);
  const found = await status();
  assert.deepEqual(codes(found), []);
  assert.equal(found.announced.kind, "unknown");
  assert.ok(teeStatusOutcome(found).lines.some((line) => line.includes("announced: could not be asked")));
});

test("without a quote tells Intel's levels and their advisories", async (t) => {
  const { status } = await rig(t);
  const found = await status({ subject: { kind: "platform", platform } });
  assert.deepEqual(codes(found), []);
  assert.ok((found.levels?.length ?? 0) >= 2);
  assert.ok(teeStatusOutcome(found).lines.some((line) => line.startsWith("  level of 2026-03-11 UpToDate")));
});

test("a service that can't be asked ends it, with its reason", async (t) => {
  const { status, state } = await rig(t);
  state.change = (answer) => ({ ...answer, status: 500 });
  assert.equal(await failureCodeOf(status()), "PCS_UNAVAILABLE");
});
