import assert from "node:assert/strict";
import { test } from "node:test";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import { isAttested, metricsText, newServiceState } from "../../../../src/operations/attested-key/service-state.ts";
import { watch } from "../../../../src/operations/attested-key/watch.ts";
import { sampleDigest } from "../../../support/policies.ts";
import { events, failure, offering, runFor, sampleMachine, signatureOf, stepsOf } from "../../../support/watching.ts";

const minute = 60_000;
const a = sampleDigest("a");
const b = sampleDigest("b");

test("what the registry offers is signed once, however often it is looked at, and under however many tags", async () => {
  const offered = () =>
    Promise.resolve(
      offering([
        ["v1", a],
        ["latest", a],
        ["v2", b],
      ]),
    );
  const { log, signed, state } = await runFor(30, { offered });
  assert.deepEqual(
    signed.map(([digest]) => digest),
    [a, b],
  );
  assert.deepEqual(events(log), ["started", "signed", "signed", "stopped"]);
  assert.deepEqual(log.find(({ event }) => event === "signed")?.["tags"], ["v1", "latest"]);
  assert.equal(state.signed, 2);
  assert.ok(state.polls > 25);
});

test("what is signed already is not signed again", async () => {
  const { log, signed } = await runFor(5, { isSigned: () => Promise.resolve(true) });
  assert.deepEqual(signed, []);
  assert.deepEqual(events(log), ["started", "already-signed", "stopped"]);
});

test("a registry that offers what does not verify is refused and logged, and asked again ever less often", async () => {
  const sign = () => Promise.reject(failure("refused", "RELEASE_REFUSED"));
  const { log, signed, state } = await runFor(24 * 60, { sign });
  const tries = signed.map(([, second]) => second / 60);
  // At once, after 1, 2, 4, … minutes, then hourly: 6 in the first half hour, not 30.
  assert.deepEqual(tries.slice(0, 6), [0, 1, 3, 7, 15, 31]);
  assert.ok(tries.length <= 30, `${String(tries.length)} tries in a day`);
  assert.equal(state.refused, tries.length);
  assert.equal(state.signed, 0);
  assert.ok(log.filter(({ event }) => event === "refused").every((entry) => entry["code"] === "RELEASE_REFUSED"));
});

test("an image whose statements come later is signed then", async () => {
  let tries = 0;
  const sign = (digest: Digest) => {
    tries += 1;
    return tries < 3 ? Promise.reject(failure("refused", "RELEASE_REFUSED")) : Promise.resolve(signatureOf(digest));
  };
  const { log, state } = await runFor(30, { sign });
  assert.deepEqual(events(log), ["started", "refused", "refused", "signed", "stopped"]);
  assert.equal(state.waiting, 0);
});

test("one image that fails does not stop the others", async () => {
  const sign = (digest: Digest) =>
    digest === a
      ? Promise.reject(failure("unavailable", "SIGNING_TSA_UNAVAILABLE"))
      : Promise.resolve(signatureOf(digest));
  const offered = () =>
    Promise.resolve(
      offering([
        ["v1", a],
        ["v2", b],
      ]),
    );
  const { log, state } = await runFor(1, { sign, offered });
  assert.ok(events(log).includes("signed"));
  assert.ok(state.failed > 0);
});

test("while it can't prove that it is attested it asks the registry nothing and signs nothing", async () => {
  let asked = 0;
  const offered = () => {
    asked += 1;
    return Promise.resolve(offering([["v1", a]]));
  };
  const attest = () => Promise.reject(failure("refused", "ATTESTED_NOT_ATTESTED"));
  const { log, signed, state, time } = await runFor(60, { attest, offered });
  assert.deepEqual([asked, signed], [0, []]);
  assert.equal(isAttested(state, time), false);
  const downs = log.filter(({ event }) => event === "down").map(({ at }) => at);
  assert.deepEqual(downs.slice(0, 5), [0, 10, 30, 70, 150]);
  assert.ok(downs.length < 15, `${String(downs.length)} lines in an hour`);
});

test("each proof of being attested is a heartbeat that says as what, and nothing else is one", async () => {
  const { log } = await runFor(30, {});
  const beats = log.filter(({ event }) => event === "attested");
  assert.deepEqual(
    beats.map(({ at }) => at / 60),
    Array.from({ length: 31 }, (_, round) => round),
  );
  const { at: _at, ...beat } = beats[0] ?? { at: 0 };
  const collateralExpires = new Date(1_800_000_000_000 + 10 * minute).toISOString();
  assert.deepEqual(beat, { level: "info", event: "attested", collateralExpires, ...sampleMachine });

  const silent = await runFor(30, { approve: () => Promise.reject(failure("refused", "KBS_TOKEN_STATUS")) });
  assert.deepEqual(
    silent.log.filter(({ event }) => event === "attested"),
    [],
  );
});

test("a registry that is down is asked with back-off, and works again afterwards", async () => {
  let polls = 0;
  const offered = () => {
    polls += 1;
    return polls < 4
      ? Promise.reject(failure("unavailable", "REGISTRY_BROKEN"))
      : Promise.resolve(offering([["v1", a]]));
  };
  const { log } = await runFor(10, { offered });
  assert.deepEqual(events(log), ["started", "down", "down", "down", "signed", "stopped"]);
});

test("a bug is no bad weather: it ends the service", async () => {
  await assert.rejects(runFor(5, { sign: () => Promise.reject(new TypeError("bug")) }), TypeError);
});

test("what is not offered any more is forgotten, so that a registry can't fill the memory", async () => {
  let round = 0;
  const hex = (value: number): Digest => `sha256:${value.toString(16).padStart(64, "0")}`;
  const offered = () => {
    round += 1;
    return Promise.resolve(
      offering(Array.from({ length: 50 }, (_, index) => [`t${String(index)}`, hex(round * 100 + index)])),
    );
  };
  const { state } = await runFor(20, { offered, sign: () => Promise.reject(failure("refused", "RELEASE_REFUSED")) });
  assert.equal(state.waiting, 50);
});

test("it stops gracefully in the middle of a signature", async () => {
  const stop = new AbortController();
  const log: string[] = [];
  const waiting = Promise.withResolvers<undefined>();
  const running = watch(
    stepsOf({
      attest: () => Promise.resolve({ machine: sampleMachine, collateralExpires: new Date() }),
      approve: () => Promise.resolve(),
      offered: () => Promise.resolve(offering([["v1", a]])),
      isSigned: () => Promise.resolve(false),
      sign: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reject(failure("unavailable", "INTERRUPTED"));
          });
          waiting.resolve(undefined);
        }),
    }),
    {
      state: newServiceState(),
      log: ({ event }) => log.push(event),
      now: Date.now,
      intervalMilliseconds: minute,
      sleep: () => Promise.reject(failure("unavailable", "INTERRUPTED")),
    },
    stop.signal,
  );
  await waiting.promise;
  stop.abort(failure("unavailable", "INTERRUPTED"));
  await running;
  assert.deepEqual(log, ["started", "measured", "attested", "stopped"]);
});

test("healthy means attested lately, and metrics are Prometheus text", () => {
  const state = newServiceState();
  assert.equal(isAttested(state, 0), false);
  state.attestedAt = 1_800_000_000_000;
  state.tcbStatus = "UpToDate";
  assert.equal(isAttested(state, state.attestedAt + 5 * minute), true);
  assert.equal(isAttested(state, state.attestedAt + 5 * minute + 1), false);
  // A clock that went back says nothing.
  assert.equal(isAttested(state, state.attestedAt - 1), false);
  const text = metricsText(state, { now: state.attestedAt, policy: a });
  assert.match(
    text,
    /^# HELP neko_trust_signer_attested .+\n# TYPE neko_trust_signer_attested gauge\nneko_trust_signer_attested 1\n/,
  );
  assert.match(text, /\nneko_trust_signer_tcb_up_to_date 1\n/);
  for (const line of text.trimEnd().split("\n")) {
    assert.match(line, /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{digest="sha256:[0-9a-f]{64}"\})? [0-9]+)$/);
  }
});

test("several repositories are watched in turn, each with what it is known for; one that is down holds up no other", async () => {
  const second: string[] = [];
  let polls = 0;
  const other = {
    repository: "registry/y",
    // The same digest as in the first: a signature lies beside the image, in each repository.
    offered: () => Promise.resolve(offering([["v1", a]], { leftOut: 3 })),
    isSigned: () => Promise.resolve(false),
    sign: (digest: Digest) => {
      second.push(digest);
      return Promise.resolve(signatureOf(digest));
    },
  };
  const offered = () => {
    polls += 1;
    return polls > 2 && polls < 6
      ? Promise.reject(failure("unavailable", "REGISTRY_BROKEN"))
      : Promise.resolve(offering([["v1", a]]));
  };
  const { log, signed, state } = await runFor(10, { offered }, { others: [other] });
  assert.deepEqual([signed.length, second], [1, [a]]);
  const told = log.filter(({ event }) => ["signed", "down", "left-out"].includes(event));
  assert.deepEqual(
    told.map(({ event, repository }) => [event, repository]),
    [
      ["signed", "registry/x"],
      ["left-out", "registry/y"],
      ["signed", "registry/y"],
      ["down", "registry/x"],
      ["down", "registry/x"],
      ["down", "registry/x"],
    ],
  );
  // The interval stays: one of the two answered.
  assert.ok(polls >= 10, String(polls));
  assert.equal(state.tagsLeftOut, 3);
});
