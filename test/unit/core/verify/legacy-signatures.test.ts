import assert from "node:assert/strict";
import { test } from "node:test";
import { legacySignatureAnnotations } from "../../../../src/core/sigstore/legacy-signature.ts";
import type { LegacySignatureEvidence } from "../../../../src/core/verify/evidence.ts";
import { legacyPayload, legacySignature, withLegacySignatures } from "../../../support/legacy-signatures.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const { digest } = lab.evidence;
const good = await legacySignature(lab, legacyPayload(digest));
const allowing = lab.policyWith({ legacySignatures: "allow" });
const names = legacySignatureAnnotations;

function codes(signatures: readonly LegacySignatureEvidence[], policy = allowing): readonly string[] {
  return codesOf(lab.verify({ policy, evidence: withLegacySignatures(lab, signatures) }));
}

function annotated(name: keyof typeof names, value: string | undefined): LegacySignatureEvidence {
  const { [names[name]]: _, ...rest } = good.annotations;
  return { ...good, annotations: value === undefined ? rest : { ...rest, [names[name]]: value } };
}

test("cosign's older signature is told apart, and refused unless the policy allows it", () => {
  assert.deepEqual(codes([good], lab.policy), ["LEGACY_SIGNATURE_NOT_ALLOWED"]);
  const checked = lab.verify({ policy: allowing, evidence: withLegacySignatures(lab, [good]) });
  assert.deepEqual(codesOf(checked), []);
  const found = checked.ok ? checked.proof.data.statements.filter(({ legacy }) => legacy === true) : [];
  assert.deepEqual(
    found.map(({ kind, signer, subject }) => [kind, signer, subject]),
    [["signature", "release", digest]],
  );
});

test("beside a signature of today it changes nothing where it is not allowed", () => {
  const evidence = { ...lab.evidence, legacySignatures: { kind: "found", value: [good] } as const };
  assert.deepEqual(codesOf(lab.verify({ evidence })), []);
  const silent = { ...lab.evidence, legacySignatures: { kind: "broken", detail: "x" } as const };
  assert.deepEqual(codesOf(lab.verify({ evidence: silent })), []);
  assert.deepEqual(codesOf(lab.verify({ evidence: silent, policy: allowing })), ["REGISTRY_BROKEN"]);
});

test("it is a signature, and stands for no other statement", () => {
  const evidence = { ...lab.without("provenance"), legacySignatures: { kind: "found", value: [good] } as const };
  assert.deepEqual(codesOf(lab.verify({ evidence, policy: allowing })), ["STATEMENT_MISSING"]);
});

test("CVE-2022-36056, CVE-2022-23649: the log entry or certificate of another signature is refused", async () => {
  const other = await legacySignature(lab, legacyPayload(digest, { identity: { "docker-reference": "x" } }));
  for (const [name, code] of [
    ["bundle", "BUNDLE_LOG_INVALID"],
    ["certificate", "BUNDLE_SIGNATURE_INVALID"],
    ["signature", "BUNDLE_SIGNATURE_INVALID"],
    ["timestamp", "BUNDLE_TIME_INVALID"],
  ] as const) {
    const found = codes([annotated(name, other.annotations[names[name]])]);
    assert.ok(found.includes(code), `${name}: ${found.join()}`);
  }
});

test("a signature of another image is refused", async () => {
  const foreign = await legacySignature(lab, legacyPayload(`sha256:${"0".repeat(64)}`));
  assert.deepEqual(codes([foreign]), ["STATEMENT_SUBJECT_MISMATCH"]);
});

test("another type of payload, or one that is no document of cosign's, is refused", async () => {
  const otherType = await legacySignature(lab, legacyPayload(digest, { type: "atomic container signature" }));
  assert.deepEqual(codes([otherType]), ["LEGACY_SIGNATURE_INVALID"]);
  const text = await legacySignature(lab, Buffer.from(`"${digest}"`));
  assert.deepEqual(codes([text]), ["LEGACY_SIGNATURE_INVALID"]);
  const twice = `{"critical":{"identity":{},"image":{"docker-manifest-digest":"x"},"image":{"docker-manifest-digest":"${digest}"},"type":"cosign container image signature"}}`;
  assert.deepEqual(codes([await legacySignature(lab, Buffer.from(twice))]), ["LEGACY_SIGNATURE_INVALID"]);
});

test("GHSA-fx35-mq7g-6g98: a certificate that can't be read is never taken for a key", () => {
  const key = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
  for (const certificate of [undefined, "", key, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) {
    const found = codes([annotated("certificate", certificate)]);
    assert.ok(
      ["LEGACY_SIGNATURE_INVALID", "BUNDLE_CERTIFICATE_INVALID", "BUNDLE_INVALID"].includes(found[0] ?? ""),
      found.join(),
    );
  }
});

for (const name of ["signature", "bundle", "timestamp"] as const) {
  test(`without its ${name}, or with one that can't be read, it is refused`, () => {
    const missing = codes([annotated(name, undefined)]);
    assert.ok(missing.length > 0 && !missing.includes("SKIPPED"), missing.join());
    for (const text of ["", "{}", "null", '{"a":1,"a":2}', "\u0000"]) {
      const found = codes([annotated(name, text)]);
      assert.ok(found.length > 0, text);
    }
  });
}

test("bytes other than the layer's digest says, or an unread layer, are refused", () => {
  const payload = { kind: "found", value: Buffer.from("{}") } as const;
  assert.deepEqual(codes([{ ...good, payload }]), ["DIGEST_MISMATCH"]);
  const broken = codes([{ ...good, payload: { kind: "broken", detail: "x" } }]);
  assert.deepEqual(broken, ["SKIPPED", "REGISTRY_BROKEN"]);
});

test("T4: another identity is refused, as for every statement", async () => {
  for (const run of [
    { ref: "refs/tags/v1.2.3-evil" },
    { repository: "m1k1o/nekox" },
    { trigger: "pull_request_target" },
  ]) {
    const stranger = await legacySignature(lab, legacyPayload(digest), run);
    assert.ok(
      codes([stranger]).every((code) => /^(IDENTITY|MANIFEST_TAG)_/.test(code)),
      JSON.stringify(run),
    );
  }
});
