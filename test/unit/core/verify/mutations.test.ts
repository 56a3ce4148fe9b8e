import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import type { ReleaseData } from "../../../../src/core/release/verified-release.ts";
import type { Evidence, ReferrerEvidence } from "../../../../src/core/verify/evidence.ts";
import { flipped, withManifest, withReferrers } from "../../../support/evidence-changes.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import type { Kind } from "../../../support/release-lab.ts";

const lab = await startReleaseLab();
/** Per bundle and per manifest. One seed for all tests of a run, so that a failure can be repeated. */
const runs = 60;
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Park and Miller's generator: whole numbers below `below`. */
function randomsFrom(start: number): (below: number) => number {
  let state = (start % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/**
 * Everything that was proven, as far as it has a meaning: an annotation of a referrer may differ, and with it the
 * referrer's digest.
 */
function meaning(data: ReleaseData): unknown {
  return { ...data, statements: data.statements.map(({ referrer: _, ...rest }) => rest) };
}

/** The evidence of one kind and the manifest alone, under a policy that demands no other: quick to verify. */
function narrowed(kind: Kind): { evidence: Evidence; policy: typeof lab.policy } {
  const kept: readonly Kind[] = [kind, "manifest"];
  const dropped = (["signature", "provenance", "sbom"] as const).filter((other) => !kept.includes(other));
  const policy = lab.policyWith(Object.fromEntries(dropped.map((other) => [`require.${other}`, []])));
  const drop = dropped.flatMap((other) => {
    return (["linux/amd64", "linux/arm64"] as const).map((platform) => lab.without(other, platform));
  });
  const referrers = new Map(
    [...lab.evidence.referrers].map(([subject, answer]) => {
      const value = answer.kind === "found" ? answer.value : [];
      const left = value.filter((one) =>
        drop.every((without) => {
          const list = without.referrers.get(subject);
          return list?.kind === "found" && list.value.includes(one);
        }),
      );
      return [subject, { kind: "found", value: left } as const];
    }),
  );
  return { evidence: { ...lab.evidence, referrers }, policy };
}

function theReferrer(evidence: Evidence, kind: Kind): { subject: Digest; referrer: ReferrerEvidence } {
  const subject = lab.subject(kind);
  const own = lab.without(kind).referrers.get(subject);
  const all = evidence.referrers.get(subject);
  assert.ok(own?.kind === "found" && all?.kind === "found");
  const referrer = all.value.find((one) => !own.value.includes(one));
  assert.ok(referrer !== undefined);
  return { subject, referrer };
}

function bytesOf(answer: ReferrerEvidence["manifest"]): Uint8Array {
  assert.ok(answer.kind === "found");
  return answer.value;
}

for (const kind of ["signature", "manifest", "provenance", "sbom"] as const) {
  const { evidence, policy } = narrowed(kind);
  const { subject, referrer } = theReferrer(evidence, kind);
  const good = lab.verify({ evidence, policy });

  /** Verifies with another referrer in the place of the good one: refused, or the same meaning. */
  const judge = (changed: ReferrerEvidence, what: string): boolean => {
    const put = withReferrers(evidence, subject, (list) => list.map((one) => (one === referrer ? changed : one)));
    const checked = lab.verify({ evidence: put, policy });
    if (!checked.ok) return false;
    assert.ok(good.ok);
    assert.deepEqual(meaning(checked.proof.data), meaning(good.proof.data), what);
    return true;
  };

  test(`one changed bit of a ${kind}'s bundle, with digests that fit, never changes what is proven (seed ${seed})`, async (t) => {
    assert.ok(good.ok);
    const random = randomsFrom(seed);
    const bundle = bytesOf(referrer.bundle);
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
    const random = randomsFrom(seed + 1);
    const bytes = bytesOf(referrer.manifest);
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
  const random = randomsFrom(seed + 2);
  for (const [digest, answer] of lab.evidence.manifests) {
    const bytes = bytesOf(answer);
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
  const random = randomsFrom(seed + 3);
  for (let run = 0; run < runs; run += 1) {
    const trustedRoot = flipped(lab.evidence.trustedRoot, random(lab.evidence.trustedRoot.length), random(8));
    assert.equal(lab.verify({ evidence: { ...lab.evidence, trustedRoot } }).ok, false);
  }
});
