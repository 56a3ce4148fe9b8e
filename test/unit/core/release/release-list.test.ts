import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import { changeRelease } from "../../../../src/core/release/release-list.ts";
import { versionStep } from "../../../../src/core/release/version-step.ts";
import { sampleDigest, samplePolicy } from "../../../support/policies.ts";

const [a, b, c, d] = ["a", "b", "c", "d"].map(sampleDigest) as [Digest, Digest, Digest, Digest];
const entry = { image: "r/i", current: a, retained: [b, c] };

test("the old one goes to the front of the retained ones", () => {
  const change = changeRelease("r/i", entry, d, { dropOld: false });
  assert.deepEqual(change?.retained, [a, b, c]);
  assert.deepEqual(change.dropped, []);
});

test("going back to a retained one takes it out of them", () => {
  const change = changeRelease("r/i", entry, c, { dropOld: false });
  assert.deepEqual(change?.retained, [a, b]);
  assert.deepEqual(change.list, { putInFront: [a], remove: [1] });
  assert.deepEqual(change.dropped, []);
});

test("what is current already is no change, and a new image has nothing to retain", () => {
  assert.equal(changeRelease("r/i", entry, a, { dropOld: true, retain: 0 }), undefined);
  assert.deepEqual(changeRelease("r/i", undefined, a, { dropOld: false }), {
    image: "r/i",
    current: a,
    retained: [],
    dropped: [],
    list: { putInFront: [], remove: [] },
  });
});

const digests = fc.array(fc.constantFrom(a, b, c, d), { maxLength: 6 });

test("whatever an entry holds: every retained digest stands once, none is current, and the list's change leads there", () => {
  fc.assert(
    fc.property(digests, fc.boolean(), fc.option(fc.nat(5), { nil: undefined }), (retained, dropOld, retain) => {
      const options = retain === undefined ? { dropOld } : { dropOld, retain };
      const change = changeRelease("r/i", { ...entry, retained }, d, options);
      assert.ok(change !== undefined);
      const { putInFront, remove } = change.list;
      assert.deepEqual([...putInFront, ...retained.filter((_, index) => !remove.includes(index))], change.retained);
      assert.equal(new Set(change.retained).size, change.retained.length);
      assert.ok(!change.retained.includes(d));
      assert.equal(change.retained.includes(a), !dropOld && retain !== 0);
      assert.ok(change.retained.length <= (retain ?? Infinity));
      const all = new Set([a, ...retained, d]);
      assert.deepEqual(new Set([d, ...change.retained, ...change.dropped]), all);
    }),
  );
});

const now = new Date("2026-11-23T00:00:00Z");
const rollback = { digest: d, reason: "a bug", approvedBy: "someone", expires: "2026-12-01T00:00:00Z" };

for (const [before, version, step] of [
  ["1.2.3", "1.2.4", "newer"],
  ["1.9.0", "1.10.0", "newer"],
  ["1.2.3-rc.1", "1.2.3", "newer"],
  ["1.2.3", "1.2.3", "same"],
  ["1.2.3", "1.2.3-rc.9", "older"],
  ["1.10.0", "1.9.9", "older"],
] as const) {
  test(`${before} → ${version} is ${step}`, () => {
    assert.equal(versionStep(before, { version, digest: d }, samplePolicy(), now), step);
  });
}

for (const [what, change, step] of [
  ["counts for its digest", {}, "rollback"],
  ["does not count for another", { digest: c }, "older"],
  ["has ended", { expires: "2026-11-23T00:00:00Z" }, "older"],
] as const) {
  test(`the policy's rollback exception ${what}`, () => {
    const freshness = { minVersion: "1.0.0", maxAge: "365d", rollback: { ...rollback, ...change } };
    const policy = samplePolicy({ freshness });
    assert.equal(versionStep("2.0.0", { version: "1.0.0", digest: d }, policy, now), step);
  });
}
