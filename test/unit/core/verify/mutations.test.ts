import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import type { ReferrerEvidence } from "../../../../src/core/verify/evidence.ts";
import { flipped, withManifest, withReferrers } from "../../../support/evidence-changes.ts";
import { randomFrom } from "../../../support/json-mutations.ts";
import { foundBytes, meaningOf, narrowedEvidence } from "../../../support/narrowed-evidence.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";

const lab = await startReleaseLab();
/** Per bundle and per manifest. One seed for all tests of a run, so that a failure can be repeated. */
const runs = 60;
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

for (const kind of ["signature", "manifest", "provenance", "sbom"] as const) {
  const { evidence, policy, subject, referrer } = narrowedEvidence(lab, kind);
  const good = lab.verify({ evidence, policy });

  /** Verifies with another referrer in the place of the good one: refused, or the same meaning. */
  const judge = (changed: ReferrerEvidence, what: string): boolean => {
    const put = withReferrers(evidence, subject, (list) => list.map((one) => (one === referrer ? changed : one)));
    const checked = lab.verify({ evidence: put, policy });
    if (!checked.ok) return false;
    assert.ok(good.ok);
    assert.deepEqual(meaningOf(checked.proof.data), meaningOf(good.proof.data), what);
    return true;
  };

  test(`one changed bit of a ${kind}'s bundle, with digests that fit, never changes what is proven (seed ${seed})`, async (t) => {
    assert.ok(good.ok);
    const random = randomFrom(seed);
    const bundle = foundBytes(referrer.bundle);
    let taken = 0;
    for (let run = 0; run < runs; run += 1) {
      const [position, bit] = [random(bundle.length), random(8)];
      const changed = await lab.signed(kind, { bundle: flipped(bundle, position, bit) });
      if (judge(changed, `bit ${bit} of byte ${position}`)) taken += 1;
    }
    t.diagnostic(`${taken} of ${runs} were taken with the same meaning`);
    assert.ok(taken < runs / 2);
  });

  test(`one changed bit of a ${kind}'s referrer, with a digest that fits, never changes what is proven (seed ${seed})`, () => {
    const random = randomFrom(seed + 1);
    const bytes = foundBytes(referrer.manifest);
    for (let run = 0; run < runs; run += 1) {
      const [position, bit] = [random(bytes.length), random(8)];
      const value = flipped(bytes, position, bit);
      const manifest = { kind: "found", value } as const;
      judge({ ...referrer, manifest, digest: digestOf(value) }, `bit ${bit} of byte ${position}`);
      assert.equal(judge({ ...referrer, manifest }, "with the old digest"), false);
    }
  });
}

test(`one changed bit of the index or of a platform's manifest is refused (seed ${seed})`, () => {
  const random = randomFrom(seed + 2);
  for (const [digest, answer] of lab.evidence.manifests) {
    const bytes = foundBytes(answer);
    for (let run = 0; run < runs; run += 1) {
      const value = flipped(bytes, random(bytes.length), random(8));
      const kept = withManifest(lab.evidence, digest, { kind: "found", value });
      assert.equal(lab.verify({ evidence: kept }).ok, false);
      const moved = withManifest(lab.evidence, digestOf(value), { kind: "found", value });
      if (digest === lab.evidence.digest) {
        assert.equal(lab.verify({ evidence: { ...moved, digest: digestOf(value) } }).ok, false);
      }
    }
  }
});

test(`one changed bit of the trusted root is refused (seed ${seed})`, () => {
  const random = randomFrom(seed + 3);
  for (let run = 0; run < runs; run += 1) {
    const trustedRoot = flipped(lab.evidence.trustedRoot, random(lab.evidence.trustedRoot.length), random(8));
    assert.equal(lab.verify({ evidence: { ...lab.evidence, trustedRoot } }).ok, false);
  }
});
