import assert from "node:assert/strict";
import { test } from "node:test";
import type { Evidence } from "../../../../src/core/verify/evidence.ts";
import { rebuilderOf, rebuildStatement, withRebuilds } from "../../../support/rebuilds.ts";
import type { RebuildChange, RebuildRun } from "../../../support/rebuilds.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const alpha: RebuildRun = { name: "alpha", number: 71 };
const policy = lab.policyWith({ rebuilds: { perPlatform: 1, rebuilders: [rebuilderOf(alpha)], missing: "allow" } });
const codes = (evidence: Evidence): readonly string[] => codesOf(lab.verify({ policy, evidence }));

const disk = { sha256: "d".repeat(64) };
const measurements = { model: "systemd-stub-vtpm", rtmr1: "1".repeat(96), rtmr2: "0".repeat(96) };
const signerRelease = await lab.replacing("manifest", { predicate: { disk, measurements } });
const measuredBy = async (facts: NonNullable<RebuildChange["facts"]>): Promise<Evidence> => {
  const platforms = ["linux/amd64", "linux/arm64"] as const;
  const rebuilt = await Promise.all(platforms.map((platform) => rebuildStatement(lab, alpha, platform, { facts })));
  const published = Object.fromEntries(platforms.map((platform, index) => [platform, [rebuilt[index]!]]));
  const { rebuilds = new Map() } = withRebuilds(lab, { alpha: published });
  return { ...signerRelease, rebuilds };
};

test("a rebuild of a signer's release counts when its disk measures what the manifest says", async () => {
  assert.deepEqual(codes(await measuredBy({ measurements })), []);
});

for (const [part, value] of [
  ["model", "systemd-stub"],
  ["rtmr1", "2".repeat(96)],
  ["rtmr2", "2".repeat(96)],
] as const) {
  test(`a rebuild of a signer's release whose disk measures another ${part} vetoes`, async () => {
    const found = codes(await measuredBy({ measurements: { ...measurements, [part]: value } }));
    assert.deepEqual([...new Set(found)], ["REBUILD_MISMATCH", "REBUILD_QUORUM"]);
  });
}

test("a rebuild of a signer's release whose disk boots nothing vetoes: time mends that not", async () => {
  const found = codes(await measuredBy({ measurements: { none: "UKI_NOT_ON_DISK" } }));
  assert.deepEqual([...new Set(found)], ["REBUILD_MISMATCH", "REBUILD_QUORUM"]);
});

for (const none of ["", "a code", "A".repeat(65)]) {
  test(`a rebuild whose disk boots nothing for no code (${none.slice(0, 8)}) can't be read, and refuses`, async () => {
    const found = codes(await measuredBy({ measurements: { none } }));
    assert.deepEqual([...new Set(found)].sort(), ["REBUILD_INVALID", "REBUILD_QUORUM"]);
  });
}

test("a rebuild of a signer's release that does not say what its disk measures does not count", async () => {
  const found = codes(await measuredBy({}));
  assert.deepEqual([...new Set(found)].sort(), ["REBUILD_QUORUM", "REBUILD_UNMEASURED"]);
});
