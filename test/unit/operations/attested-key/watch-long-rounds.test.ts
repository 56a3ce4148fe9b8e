import assert from "node:assert/strict";
import { test } from "node:test";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import type { WatchedRepository } from "../../../../src/operations/attested-key/watch.ts";
import { sampleDigest } from "../../../support/policies.ts";
import { events, failure, offering, runFor, sampleMachine, signatureOf } from "../../../support/watching.ts";

const a = sampleDigest("a");

/** More images than can be signed within the time for which a proof of being attested counts. */
const many = Array.from({ length: 400 }, (_, index): [string, Digest] => {
  return [`v${index}`, `sha256:${String(index).padStart(64, "0")}`];
});

const watchedNothing: WatchedRepository = {
  repository: "registry/y",
  offered: () => Promise.resolve(offering([])),
  isSigned: () => Promise.resolve(false),
  sign: (digest) => Promise.resolve(signatureOf(digest)),
};

/** A machine whose proofs go through, save those of which `fails` says otherwise; counted from 1. */
function machineThat(fails: (proof: number) => boolean) {
  const counted = { proofs: 0 };
  const attest = () => {
    counted.proofs += 1;
    return fails(counted.proofs)
      ? Promise.reject(failure("refused", "ATTESTED_NOT_ATTESTED"))
      : Promise.resolve({ machine: sampleMachine, collateralExpires: new Date(1_900_000_000_000) });
  };
  return { attest, counted };
}

test("a round that lasts long proves in each interval anew that the machine is attested", async () => {
  const offered = () => Promise.resolve(offering(many));
  const { log, signed } = await runFor(30, { offered }, { signMilliseconds: 3300 });
  assert.equal(signed.length, many.length);
  const proofs = log.filter(({ event }) => event === "attested").map(({ at }) => at);
  for (const [digest, at] of signed) {
    const last = proofs.findLast((proof) => proof <= at) ?? -Infinity;
    assert.ok(at - last <= 60, `${digest} was signed ${String(at - last)} s after the last proof`);
  }
  assert.equal(new Set(signed.map(([digest]) => digest)).size, many.length);
});

test("a machine that is not attested any more signs nothing more, in the middle of a round", async () => {
  const { attest } = machineThat((proof) => proof >= 3);
  const offered = () => Promise.resolve(offering(many));
  const { log, signed } = await runFor(20, { attest, offered }, { signMilliseconds: 3300 });
  const down = log.find(({ event }) => event === "down");
  assert.equal(down?.["code"], "ATTESTED_NOT_ATTESTED");
  assert.ok(down.at > 100 && down.at < 140, String(down.at));
  assert.ok(signed.every(([, at]) => at <= down.at));
  assert.ok(signed.length < 50, String(signed.length));
});

test("a registry that is slow to say what its tags name lets no proof get old", async () => {
  const last: number[] = [];
  const { log, signed } = await runFor(
    30,
    {
      offered: async (_signal, stillProven) => {
        for (const [digest] of many) assert.ok(await stillProven(), digest);
        return offering([["v1", a]]);
      },
    },
    { lookMilliseconds: 3300 },
  );
  for (const { event, at } of log) if (event === "attested") last.push(at);
  const gaps = last.slice(1).map((at, index) => at - (last[index] ?? 0));
  assert.ok(gaps.length > 20 && gaps.every((gap) => gap <= 64), gaps.join(" "));
  assert.equal(signed.length, 1);
});

test("a look that ends as the machine is not attested any more takes nothing as gone", async () => {
  let looks = 0;
  const { log, signed } = await runFor(
    20,
    {
      attest: machineThat((proof) => proof === 6).attest,
      offered: async (_signal, stillProven) => {
        looks += 1;
        if (looks === 2) for (const [] of many) if (!(await stillProven())) return undefined;
        return offering([["v1", a]]);
      },
    },
    { lookMilliseconds: 3300 },
  );
  assert.deepEqual(events(log), ["started", "signed", "down", "stopped"]);
  assert.equal(signed.length, 1);
});

test("a machine that is not attested any more ends the round of all its repositories, and is told once, as no repository's fault", async () => {
  let asked = 0;
  const other = {
    ...watchedNothing,
    offered: () => {
      asked += 1;
      return Promise.resolve(offering([["v1", a]]));
    },
  };
  const { attest, counted } = machineThat((proof) => proof >= 2);
  const offered = () => Promise.resolve(offering(many));
  const { log, state } = await runFor(3, { attest, offered }, { signMilliseconds: 3300, others: [other] });
  const downs = log.filter(({ event }) => event === "down");
  assert.equal(asked, 0);
  assert.ok(downs.every(({ repository }) => repository === undefined));
  // Ever less often from the first on: one proof each, none for the repositories that were left.
  const [first] = downs;
  assert.deepEqual(
    downs.map(({ at }) => at - (first?.at ?? 0)),
    [0, 10, 30, 70],
  );
  assert.deepEqual([counted.proofs, state.failed], [1 + downs.length, downs.length]);
});

test("a clock that goes back makes no proof younger: the machine proves itself anew", async () => {
  const { attest, counted } = machineThat(() => false);
  const offered = () => Promise.resolve(offering(many.slice(0, 10)));
  // Each signature takes the clock ten minutes back.
  const { log, signed } = await runFor(1, { attest, offered }, { signMilliseconds: -600_000 });
  assert.equal(signed.length, 10);
  assert.ok(counted.proofs >= 10, String(counted.proofs));
  assert.equal(log.filter(({ event }) => event === "attested").length, counted.proofs);
});

test("a repository with much that is new takes minutes of a round, and goes on in the next", async () => {
  let looked = 0;
  const other = {
    ...watchedNothing,
    offered: () => {
      looked += 1;
      return Promise.resolve(offering([]));
    },
  };
  const offered = () => Promise.resolve(offering(many));
  const { signed } = await runFor(40, { offered }, { signMilliseconds: 3300, others: [other] });
  assert.equal(new Set(signed.map(([digest]) => digest)).size, many.length);
  assert.ok(looked >= 5, String(looked));
});

test("what was never tried has its turn before what was refused", async () => {
  const offered = () => Promise.resolve(offering(many));
  const sign = () => Promise.reject(failure("refused", "RELEASE_REFUSED"));
  const { signed } = await runFor(40, { offered, sign }, { signMilliseconds: 3300, others: [watchedNothing] });
  assert.equal(new Set(signed.slice(0, many.length).map(([digest]) => digest)).size, many.length);
});
