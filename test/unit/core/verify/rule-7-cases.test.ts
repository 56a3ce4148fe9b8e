import assert from "node:assert/strict";
import { test } from "node:test";
import { writeEventLog } from "../../../../lab/tdx/event-log-writer.ts";
import type { EventToWrite } from "../../../../lab/tdx/event-log-writer.ts";
import { labMachine } from "../../../../lab/tdx/lab-machine.ts";
import { replayEventLog } from "../../../../src/core/tdx/event-log.ts";
import { eventTypes } from "../../../../src/core/tdx/event-type.ts";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { teeLabOf } from "../../../support/tee.ts";
import type { TeeChange } from "../../../support/tee.ts";

/** Machines whose quote and event log are true, and which are not the one that the signer's release describes. */

const lab = await startReleaseLab();
const tee = teeLabOf(lab);
const zeros = "0".repeat(96);
const other = "b".repeat(96);

function refusals(change: TeeChange): readonly string[] {
  const evidence = tee.evidence([tee.signed(change)]);
  const checked = lab.verify({ policy: tee.policy(), evidence, now: tee.now });
  assert.ok(!checked.ok);
  return checked.findings.map(({ code, subject }) => `${code} ${/, (MRTD|RTMR\d)$/.exec(subject)?.[1] ?? ""}`.trim());
}

/** A machine that booted the signer's disk, with these events in place of the lab's of those registers. */
function machineWith(events: readonly EventToWrite[], ...registers: readonly EventToWrite["register"][]): TeeChange {
  const whole = replayEventLog(labMachine().eventLog);
  assert.ok(whole.ok);
  const kept = whole.log.events.filter(({ register }) => !registers.includes(register));
  const eventLog = writeEventLog([...kept, ...events]);
  const replayed = replayEventLog(eventLog);
  assert.ok(replayed.ok);
  return { eventLog, report: replayed.log.registers };
}
const measured = (register: EventToWrite["register"], says: string): EventToWrite => ({
  register,
  type: eventTypes.eventTag,
  data: Buffer.from(says),
});

test("F11: another firmware configuration, ACPI table or Secure Boot state is refused by RTMR0, though its log replays", () => {
  assert.deepEqual(refusals(machineWith([measured(0, "ACPI DATA of the host")], 0)), [
    "TEE_MEASUREMENT_MISMATCH RTMR0",
  ]);
});

test("J3: a command line that the host chose (LoadOptions) is refused by RTMR2, though its log replays", () => {
  assert.deepEqual(refusals(machineWith([measured(2, "init=/bin/sh")], 2)), ["TEE_MEASUREMENT_MISMATCH RTMR2"]);
});

test("F12: a machine with a vTPM, whose stub measured nothing into RTMR2, is refused under a release that says it does", () => {
  const machine = machineWith([], 2);
  assert.equal(machine.report?.rtmr2, zeros);
  assert.deepEqual(refusals(machine), ["TEE_MEASUREMENT_MISMATCH RTMR2"]);
});

test("F13: a machine that measured what it likes, and whose RTMR3 alone is as it should be, is refused by each other register", () => {
  const machine = machineWith([measured(0, "a"), measured(1, "b"), measured(2, "c")], 0, 1, 2);
  assert.equal(machine.report?.rtmr3, zeros);
  assert.deepEqual(refusals({ ...machine, report: { ...machine.report, mrtd: other } }), [
    "TEE_MEASUREMENT_MISMATCH MRTD",
    "TEE_MEASUREMENT_MISMATCH RTMR0",
    "TEE_MEASUREMENT_MISMATCH RTMR1",
    "TEE_MEASUREMENT_MISMATCH RTMR2",
  ]);
});

test("F13: no policy can leave out a register, or demand one of zeros", () => {
  const policy = { ...tee.policy() };
  assert.ok(trustPolicySchema.safeParse(policy).success);
  for (const change of [{ mrtd: [] }, { rtmr0: [] }, { mrtd: [zeros] }, { rtmr0: [zeros] }, { rtmr3: [other] }])
    assert.ok(!trustPolicySchema.safeParse({ ...policy, tee: { ...policy.tee, ...change } }).success);
});

test("E10: no policy can allow a revoked platform, a status that is none, or any", () => {
  const policy = { ...tee.policy() };
  for (const statuses of [[], ["Revoked"], ["Fine"], ["UpToDate", "Revoked"]])
    assert.ok(!trustPolicySchema.safeParse({ ...policy, tee: { ...policy.tee, statuses } }).success);
});

test("G7: what somebody extended into RTMR3 after boot is refused, though its log says so and replays", () => {
  assert.deepEqual(refusals(machineWith([measured(3, "compose hash")])), ["TEE_TD_REFUSED RTMR3"]);
});

test("J4: the quote of another trust domain with the same measurements can't stand in for the one that signed", () => {
  const [one, two] = [tee.document(), tee.document()];
  const evidence = tee.evidence([tee.signed({ document: () => ({ quote: two.quote, timestamps: two.timestamps }) })]);
  const checked = lab.verify({ policy: tee.policy(), evidence, now: tee.now });
  assert.notDeepEqual(one.quote, two.quote);
  assert.deepEqual(codesOf(checked), ["TEE_TIME_INVALID", "SKIPPED"]);
});
