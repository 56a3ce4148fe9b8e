import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProvenTee } from "../../../src/core/release/verified-release.ts";
import { chainTree, drawTree } from "../../../src/report/chain-tree.ts";
import { sampleDigest } from "../../support/policies.ts";
import { sampleReleaseData } from "../../support/releases.ts";

const tee: ProvenTee = {
  referrer: sampleDigest("1"),
  signerRelease: sampleDigest("2"),
  policy: sampleDigest("3"),
  key: "ephemeral",
  keyDigest: sampleDigest("4"),
  challengedAt: "2026-11-27T05:00:00.000Z",
  signedAt: "2026-11-27T05:00:02.000Z",
  platform: { ppid: "a".repeat(32), fmspc: "b".repeat(12), bound: true },
  measurements: {
    mrtd: "1".repeat(96),
    rtmr0: "2".repeat(96),
    rtmr1: "3".repeat(96),
    rtmr2: "4".repeat(96),
    rtmr3: "0".repeat(96),
  },
  tcb: { status: "UpToDate", date: "2026-03-11T00:00:00.000Z", advisories: [], evaluation: 20 },
  notes: [],
};

const drawn = (changes: Partial<ProvenTee> = {}): string =>
  drawTree(chainTree(sampleReleaseData(sampleDigest("a"), { tee: { ...tee, ...changes } }))).join("\n");

test("the machine that signed has a branch of its own: measurements, platform, Intel's word", () => {
  const text = drawn();
  assert.match(
    text,
    /├─ attested signature, quote made between 2026-11-27T05:00:00.000Z and .+, a key for this image alone\n/,
  );
  assert.match(text, /├─ key sha256:4444/);
  assert.match(text, /measured as signer release sha256:2222/);
  assert.match(text, /MRTD 1111111111111111…\n/);
  assert.match(text, /TDX platform a{32}, listed in the policy\n/);
  assert.match(text, /TCB UpToDate, level of 2026-03-11, evaluation 20\n/);
});

test("what weakens it is said where it is shown", () => {
  const text = drawn({
    key: "kbs-key",
    platform: { ...tee.platform, bound: false },
    tcb: { ...tee.tcb, status: "OutOfDate", advisories: ["INTEL-SA-00001"] },
    notes: ["a note"],
  });
  assert.match(text, /the KBS operator can sign/);
  assert.match(text, /\(platform unbound\)/);
  assert.match(text, /TCB OutOfDate, .+, open: INTEL-SA-00001/);
  assert.match(text, /note: a note/);
});
