import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsText } from "../../../../src/operations/attested-key/service-state.ts";
import { sampleDigest } from "../../../support/policies.ts";
import { events, failure, offering, runFor, sampleMachine } from "../../../support/watching.ts";

const a = sampleDigest("a");

test("what the machine is is told before the key broker agrees, which can only know it from there, and when it changes", async () => {
  let rounds = 0;
  const attest = () => {
    rounds += 1;
    const machine = { ...sampleMachine, tcbStatus: rounds < 5 ? "UpToDate" : "OutOfDate" };
    return Promise.resolve({ machine, collateralExpires: new Date() });
  };
  const approve = () => Promise.reject(failure("refused", "KBS_TOKEN_STATUS"));
  const { log, signed } = await runFor(60, { attest, approve });
  const { at: _at, ...first } = log[1] ?? { at: 0 };
  assert.deepEqual(first, { level: "info", event: "measured", ...sampleMachine });
  assert.deepEqual(
    log.filter(({ event }) => event === "measured").map((entry) => entry["tcbStatus"]),
    ["UpToDate", "OutOfDate"],
  );
  assert.ok(!log.some(({ event }) => event === "attested"));
  assert.deepEqual(signed, []);
});

test("when platform or Intel's verdict change, each image is looked at again", async () => {
  let attestations = 0;
  let looks = 0;
  const attest = () => {
    attestations += 1;
    const evaluation = attestations < 10 ? 20 : 21;
    return Promise.resolve({ machine: { ...sampleMachine, evaluation }, collateralExpires: new Date() });
  };
  const isSigned = () => {
    looks += 1;
    return Promise.resolve(attestations < 10);
  };
  const { log, signed } = await runFor(20, { attest, isSigned });
  assert.deepEqual([looks, signed.length], [2, 1]);
  assert.deepEqual(events(log), ["started", "already-signed", "signed", "stopped"]);
});

test("a tag that the registry gives no answer for holds nobody up: it is logged once, and counted each time", async () => {
  const silent = new Map([["v9", failure("unavailable", "REGISTRY_BROKEN")]]);
  const offered = () => Promise.resolve(offering([["v1", a]], { silent }));
  const { log, state } = await runFor(10, { offered });
  assert.deepEqual(events(log), ["started", "failed", "signed", "stopped"]);
  const told = log.find(({ event }) => event === "failed");
  assert.deepEqual([told?.["tags"], told?.["code"]], [["v9"], "REGISTRY_BROKEN"]);
  assert.equal(state.failed, state.polls);
});

test("tags that were not looked at are logged when their number changes, and are a metric", async () => {
  let round = 0;
  const offered = () => {
    round += 1;
    return Promise.resolve(offering([["v1", a]], round < 3 ? { leftOut: 12 } : { leftOut: 13, complete: false }));
  };
  const { log, state } = await runFor(5, { offered });
  const left = log.filter(({ event }) => event === "left-out").map((entry) => [entry["tags"], entry["more"]]);
  assert.deepEqual(left, [
    [12, false],
    [13, true],
  ]);
  assert.match(metricsText(state, { now: 0, policy: sampleMachine.policy }), /\nneko_trust_signer_tags_left_out 13\n/);
  assert.match(metricsText(state, { now: 0, policy: sampleMachine.policy }), /\nneko_trust_signer_tags_unlisted 1\n/);
});
