import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "../../../src/core/verify/finding.ts";
import { chainTree, drawFindings, drawTree } from "../../../src/report/chain-tree.ts";
import { sampleDigest } from "../../support/policies.ts";
import { sampleReleaseData } from "../../support/releases.ts";

const digest = sampleDigest("1");
const release = sampleReleaseData(digest, {
  statements: [
    {
      kind: "signature",
      subject: digest,
      referrer: sampleDigest("2"),
      predicateType: "https://sigstore.dev/cosign/sign/v1",
      signer: "release",
      identity: "https://github.com/m1k1o/neko/.github/workflows/release.yml@refs/tags/v1.2.3",
      signedAt: "2026-11-23T00:00:00.000Z",
      logs: ["f".repeat(64)],
    },
    {
      kind: "provenance",
      subject: sampleDigest("9"),
      referrer: sampleDigest("3"),
      predicateType: "https://slsa.dev/provenance/v1",
      signer: "release",
      identity: "id",
      signedAt: "2026-11-23T00:00:00.000Z",
      logs: [],
    },
  ],
});

test("draws the chain from image to source, each statement under what it is about", () => {
  const lines = drawTree(chainTree(release));
  assert.equal(lines[0], `127.0.0.1:5001/neko/base@${digest}`);
  assert.ok(lines.includes('├─ neko-base 1.2.3, trusted by policy "neko-lab" (local)'));
  assert.ok(lines.includes('├─ signature by signer "release", signed 2026-11-23T00:00:00.000Z, log ffffffffffff…'));
  const platform = lines.findIndex((line) => line.startsWith(`└─ linux/amd64 ${sampleDigest("9")}`));
  assert.ok(platform > 0);
  assert.ok(lines.findIndex((line) => line.includes("provenance by signer")) > platform);
  assert.ok(lines.some((line) => line.includes("(claimed by the manifest)")));
});

test("draws rebuilds with their operators, and says when they share a failure domain", () => {
  const platform = release.manifest.platforms[0];
  assert.ok(platform !== undefined);
  const rebuilds = {
    platform: platform.platform,
    digest: platform.digest,
    demanded: 2,
    rebuilders: [
      { id: "a", operator: "Alice", provider: "GitHub" },
      { id: "b", operator: "Bob", provider: "GitHub" },
    ],
    operators: 2,
    failureDomains: 1,
  };
  const labels = (changes: Partial<typeof rebuilds>): string =>
    drawTree(chainTree({ ...release, rebuilds: [{ ...rebuilds, ...changes }] })).join("\n");
  assert.ok(
    labels({}).includes(
      "rebuilt by 2 of 2 demanded operators: a (Alice, at GitHub), b (Bob, at GitHub); all at one provider: one failure domain",
    ),
  );
  assert.ok(!labels({ failureDomains: 2 }).includes("failure domain"));
  assert.ok(labels({ demanded: 0, rebuilders: [], operators: 0 }).includes("rebuilt by 0 operators, none demanded"));
});

test("draws what was recomputed, exceptions of the policy, older signatures and scans as what they are", () => {
  const [signature] = release.statements;
  assert.ok(signature !== undefined);
  const lines = drawTree(
    chainTree({
      ...release,
      recomputed: release.manifest.platforms.map(({ platform }) => platform),
      exceptions: ["rollback to 1.2.3 until 2026-12-01"],
      statements: [
        { ...signature, legacy: true },
        { ...signature, kind: "scan" },
      ],
    }),
  );
  assert.ok(lines.some((line) => line.includes("(recomputed from the registry's blobs)")));
  assert.ok(lines.every((line) => !line.includes("claimed by the manifest")));
  assert.ok(lines.includes("├─ exception of the policy: rollback to 1.2.3 until 2026-12-01"));
  assert.ok(lines.some((line) => line.startsWith("├─ signature") && line.endsWith(", in cosign's older form")));
  assert.ok(lines.some((line) => line.startsWith("├─ scan by signer")));
});

test("what a manifest says can't add lines or move the cursor", () => {
  const { manifest } = release;
  const evil = chainTree({ ...release, manifest: { ...manifest, name: "a\n✓ verified\u001b[1A", version: "1.0.0" } });
  const lines = drawTree(evil);
  assert.equal(lines.length, drawTree(chainTree(release)).length);
  for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
});

test("draws what refuses in full, and what was skipped in a line after it", () => {
  const finding = (severity: Finding["severity"], code: Finding["code"]): Finding => {
    return { code, severity, subject: "s", expected: "e", found: "f", remedy: "r" };
  };
  assert.deepEqual(
    drawFindings([finding("skipped", "SKIPPED"), finding("refuse", "REVOKED"), finding("note", "SKIPPED")]),
    ["✗ REVOKED  s", "    expected  e", "    found     f", "    to do     r", "– skipped: s (f)", "– note: s (f)"],
  );
  assert.deepEqual(drawFindings([]), []);
});
