import assert from "node:assert/strict";
import { test } from "node:test";
import { requestTimestamp } from "../../../../src/adapters/fulcio-rekor/request-timestamp.ts";
import { clockWatch, requireClock } from "../../../../src/operations/attested-key/trusted-clock.ts";
import { failureCodeOf } from "../../../support/failures.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";

const lab = await startReleaseLab();
const { trustedRoot } = lab.evidence;
const { tsa } = lab.sigstore.server.urls;
const { signal } = new AbortController();
const minute = 60_000;

/** A clock so many minutes off, whose authority counts how often it is asked. */
function clockOf(minutes: number, url = tsa) {
  const state = { minutes, asked: 0 };
  const stamp = (data: Uint8Array): Promise<Uint8Array> => {
    state.asked += 1;
    return requestTimestamp({ url, data, timeoutMilliseconds: 2000 });
  };
  return {
    state,
    clock: { timestamps: [stamp], trustedRoot, now: () => new Date(Date.now() + state.minutes * minute) },
  };
}

for (const minutes of [60, 3, -3, -60]) {
  test(`a clock ${minutes} minutes off is none to judge by`, async () => {
    assert.equal(await failureCodeOf(requireClock(clockOf(minutes).clock)), "ATTESTED_CLOCK");
  });
}

test("a clock is compared with an authority that the root names, and with none else", async () => {
  await requireClock(clockOf(1).clock);
  const { clock } = clockOf(0);
  assert.equal(await failureCodeOf(requireClock({ ...clock, timestamps: [] })), "ATTESTED_NO_AUTHORITY");
  const stranger = [() => Promise.resolve(Buffer.from("x"))];
  assert.equal(await failureCodeOf(requireClock({ ...clock, timestamps: stranger })), "ATTESTED_TIME_INVALID");
});

test("a service compares its clock once, and again when it was set", async () => {
  const { clock, state } = clockOf(0);
  const compare = clockWatch(clock);
  await compare(signal);
  await compare(signal);
  assert.equal(state.asked, 1);
  state.minutes = 60;
  assert.equal(await failureCodeOf(compare(signal)), "ATTESTED_CLOCK");
  assert.equal(await failureCodeOf(compare(signal)), "ATTESTED_CLOCK");
  assert.equal(state.asked, 3);
  state.minutes = 0;
  await compare(signal);
  await compare(signal);
  assert.equal(state.asked, 4);
});

test("an authority that is down says nothing of the clock, and is asked again", async () => {
  const { clock, state } = clockOf(60, "http://127.0.0.1:1/api/v1/timestamp");
  const compare = clockWatch(clock);
  await compare(signal);
  await compare(signal);
  assert.equal(state.asked, 2);
});
