import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStatement } from "../../../../src/core/intoto/parse-statement.ts";
import { writeVerificationSummary } from "../../../../src/core/intoto/verification-summary.ts";
import type { VerificationSummary } from "../../../../src/core/intoto/verification-summary.ts";
import { sampleDigest } from "../../../support/policies.ts";

const hex = (letter: string): string => sampleDigest(letter).slice("sha256:".length);
const passed: VerificationSummary = {
  repository: "ghcr.io/m1k1o/neko/base",
  digest: sampleDigest("1"),
  policy: { name: "neko production", digest: sampleDigest("2") },
  timeVerified: new Date("2026-11-26T12:00:00Z"),
  passed: true,
  referrers: [sampleDigest("3"), sampleDigest("4"), sampleDigest("3")],
  verifierVersion: "0.1.0",
};

test("a summary is SLSA's, about the digest, and claims no level", () => {
  const bytes = writeVerificationSummary(passed);
  assert.ok(!Buffer.from(bytes).includes("\n"));
  const read = parseStatement(bytes, "summary");
  assert.ok(read.ok);
  assert.deepEqual(read.proof, {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "ghcr.io/m1k1o/neko/base", digest: { sha256: hex("1") } }],
    predicateType: "https://slsa.dev/verification_summary/v1",
    predicate: {
      verifier: { id: "https://github.com/m1k1o/neko/trust", version: { "neko-trust": "0.1.0" } },
      timeVerified: "2026-11-26T12:00:00.000Z",
      resourceUri: "oci://ghcr.io/m1k1o/neko/base",
      policy: {
        uri: "https://github.com/m1k1o/neko/trust/policy#neko%20production",
        digest: { sha256: hex("2") },
      },
      inputAttestations: ["3", "4"].map((letter) => ({
        uri: `oci://ghcr.io/m1k1o/neko/base@${sampleDigest(letter)}`,
        digest: { sha256: hex(letter) },
      })),
      verificationResult: "PASSED",
      verifiedLevels: ["SLSA_BUILD_LEVEL_UNEVALUATED"],
      slsaVersion: "1.2",
    },
  });
});

test("a summary of what did not pass says so in both places", () => {
  const read = parseStatement(writeVerificationSummary({ ...passed, passed: false, referrers: [] }), "summary");
  const predicate = read.ok ? (read.proof.predicate as Record<string, unknown>) : {};
  assert.equal(predicate["verificationResult"], "FAILED");
  assert.deepEqual(predicate["verifiedLevels"], ["FAILED"]);
  assert.deepEqual(predicate["inputAttestations"], []);
});
