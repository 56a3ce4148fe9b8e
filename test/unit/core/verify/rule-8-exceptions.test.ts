import assert from "node:assert/strict";
import { test } from "node:test";
import type { NarDigest } from "../../../../src/core/nix/nar.ts";
import type { Answer } from "../../../../src/core/oci/answer.ts";
import type { Digest } from "../../../../src/core/oci/digest.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const day = 24 * 3600 * 1000;
const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString();
const { digest } = lab.evidence;
const rollback = { digest, reason: "2.0.0 loses sound", approvedBy: "ops", expires: inDays(7) };
const old = { "freshness.minVersion": "9.0.0" };

test("a rollback exception lets its digest pass below minVersion and over maxAge, and is told", () => {
  const policy = lab.policyWith({ ...old, "freshness.rollback": rollback });
  const checked = lab.verify({ policy });
  assert.deepEqual(codesOf(checked), []);
  assert.ok(checked.ok);
  assert.match(
    checked.proof.data.exceptions.join(),
    /rollback until .* approved by ops \(2\.0\.0 loses sound\).*VERSION_TOO_OLD/,
  );
  const aged = lab.policyWith({ "freshness.maxAge": "1s", "freshness.rollback": rollback });
  assert.deepEqual(codesOf(lab.verify({ policy: aged, now: new Date(Date.now() + 60_000) })), []);
});

test("a rollback exception that is not needed is no exception", () => {
  const checked = lab.verify({ policy: lab.policyWith({ "freshness.rollback": rollback }) });
  assert.deepEqual(checked.ok && checked.proof.data.exceptions, []);
});

test("a rollback exception ends at its time", () => {
  const policy = lab.policyWith({ ...old, "freshness.rollback": rollback });
  const at = Date.parse(rollback.expires);
  assert.deepEqual(codesOf(lab.verify({ policy, now: new Date(at - 1) })), []);
  assert.deepEqual(codesOf(lab.verify({ policy, now: new Date(at) })), ["VERSION_TOO_OLD", "ROLLBACK_EXPIRED"]);
});

test("a rollback exception is for one digest, and excuses neither a revocation nor a missing statement", () => {
  const other = { ...rollback, digest: `sha256:${"0".repeat(64)}` };
  assert.deepEqual(codesOf(lab.verify({ policy: lab.policyWith({ ...old, "freshness.rollback": other }) })), [
    "VERSION_TOO_OLD",
  ]);
  const policy = lab.policyWith({ ...old, "freshness.rollback": rollback });
  const revoked = lab.policyWith({ ...old, "freshness.rollback": rollback, revoked: [digest] });
  assert.deepEqual(codesOf(lab.verify({ policy: revoked })), ["REVOKED"]);
  assert.deepEqual(codesOf(lab.verify({ policy, evidence: lab.without("sbom") })), ["STATEMENT_MISSING"]);
});

const thirdParty = {
  repository: "docker.io/library/redis",
  digests: [digest],
  namespaces: ["data"],
  reason: "cache",
  expires: inDays(30),
};

test("an image of others is never verified; its waiver is told, with its end", () => {
  const policy = lab.policyWith({ thirdParty: [thirdParty] });
  const evidence = { ...lab.evidence, repository: thirdParty.repository };
  const checked = lab.verify({ policy, evidence });
  assert.deepEqual(codesOf(checked), ["THIRD_PARTY_NOT_VERIFIED"]);
  assert.match(checked.ok ? "" : checked.findings[0].found, /until .*data.*cache/);
});

test("another digest of a waived repository, or a waiver that has ended, is refused as such", () => {
  const evidence = { ...lab.evidence, repository: thirdParty.repository };
  const other = lab.policyWith({ thirdParty: [{ ...thirdParty, digests: [`sha256:${"0".repeat(64)}`] }] });
  assert.deepEqual(codesOf(lab.verify({ policy: other, evidence })), ["THIRD_PARTY_DIGEST_NOT_LISTED"]);
  const policy = lab.policyWith({ thirdParty: [thirdParty] });
  const at = new Date(Date.parse(thirdParty.expires));
  assert.deepEqual(codesOf(lab.verify({ policy, evidence, now: at })), ["THIRD_PARTY_EXPIRED"]);
});

test("a waiver says nothing about images of the policy, nor about repositories that only look alike", () => {
  const policy = lab.policyWith({ thirdParty: [thirdParty] });
  assert.deepEqual(codesOf(lab.verify({ policy })), []);
  const evidence = { ...lab.evidence, repository: `${thirdParty.repository}-evil` };
  assert.deepEqual(codesOf(lab.verify({ policy, evidence })), ["IMAGE_NOT_IN_POLICY", "SKIPPED"]);
});

test("NARs that were recomputed are compared with the manifest, and told as such", () => {
  const { platforms } = lab.release.manifest;
  const nars = new Map<Digest, Answer<NarDigest>>(
    platforms.map(({ digest: own, narHash, narSize }) => [
      own,
      { kind: "found", value: { narHash: narHash as `sha256-${string}`, narSize } } as const,
    ]),
  );
  const checked = lab.verify({ evidence: { ...lab.evidence, nars } });
  assert.deepEqual(codesOf(checked), []);
  assert.ok(checked.ok);
  assert.deepEqual(checked.proof.data.recomputed, ["linux/amd64", "linux/arm64"]);
  assert.deepEqual(checked.proof.data.claimed, []);
  const [first] = platforms;
  assert.ok(first !== undefined);
  const wrong = { narHash: `sha256-${Buffer.alloc(32).toString("base64")}`, narSize: first.narSize } as const;
  const shorter = { narHash: first.narHash as `sha256-${string}`, narSize: first.narSize - 8 };
  for (const value of [wrong, shorter]) {
    const changed: ReadonlyMap<Digest, Answer<NarDigest>> = new Map<Digest, Answer<NarDigest>>([
      ...nars,
      [first.digest, { kind: "found", value } as const],
    ]);
    assert.deepEqual(codesOf(lab.verify({ evidence: { ...lab.evidence, nars: changed } })), ["NAR_HASH_MISMATCH"]);
  }
  const unread = new Map<Digest, Answer<NarDigest>>([
    ...nars,
    [first.digest, { kind: "broken", detail: "x" } as const],
  ]);
  assert.deepEqual(codesOf(lab.verify({ evidence: { ...lab.evidence, nars: unread } })), ["REGISTRY_BROKEN"]);
  assert.deepEqual(codesOf(lab.verify({ evidence: { ...lab.evidence, nars: new Map() } })), [
    "REGISTRY_BROKEN",
    "REGISTRY_BROKEN",
  ]);
});

test("what is revoked is waived by nothing", () => {
  const policy = lab.policyWith({ thirdParty: [thirdParty], revoked: [digest] });
  const evidence = { ...lab.evidence, repository: thirdParty.repository };
  assert.deepEqual(codesOf(lab.verify({ policy, evidence })), ["REVOKED"]);
});

test("another id for a revoked signer's identity does not undo the revocation, wherever it stands", () => {
  const [release] = lab.policy.signers;
  const old = { ...release, id: "old" };
  for (const signers of [
    [release, old],
    [old, release],
  ]) {
    const policy = lab.policyWith({ signers, revoked: ["old"] });
    assert.deepEqual([...new Set(codesOf(lab.verify({ policy })))].sort(), ["REVOKED", "SKIPPED"]);
  }
});
