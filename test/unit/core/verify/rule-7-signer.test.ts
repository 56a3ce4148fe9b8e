import assert from "node:assert/strict";
import { test } from "node:test";
import { createTdxPki } from "../../../../lab/tdx/pki.ts";
import type { VerifiedRelease } from "../../../../src/core/release/verified-release.ts";
import type { ReferrerEvidence, TeeEvidence } from "../../../../src/core/verify/evidence.ts";
import { checkTeeSigner } from "../../../../src/core/verify/check-tee-signer.ts";
import { proven, refuse } from "../../../../src/core/verify/finding.ts";
import type { Checked } from "../../../../src/core/verify/finding.ts";
import { withAnswer } from "../../../support/evidence-changes.ts";
import { sampleDigest } from "../../../support/policies.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { sampleVerifiedRelease } from "../../../support/releases.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { teeLabOf } from "../../../support/tee.ts";

const lab = await startReleaseLab();
const tee = teeLabOf(lab);
const signature = tee.signed();

function refusals(
  more: Partial<TeeEvidence>,
  signatures: readonly ReferrerEvidence[] = [signature],
): readonly string[] {
  const evidence = tee.evidence(signatures, more);
  return codesOf(lab.verify({ policy: tee.policy(), evidence, now: tee.now })).filter((code) => code !== "SKIPPED");
}

const { digest, manifest } = tee.signer.data;
const good = { manifest };

for (const [what, signer, code] of [
  ["that is another release", proven(sampleVerifiedRelease(sampleDigest("6"), good)), "TEE_SIGNER_RELEASE"],
  [
    "whose manifest has no measurements",
    proven(sampleVerifiedRelease(digest, { manifest: { ...manifest, measurements: undefined } })),
    "TEE_SIGNER_RELEASE",
  ],
  [
    "that was verified for another environment",
    proven(sampleVerifiedRelease(digest, { ...good, environment: "staging" })),
    "TEE_SIGNER_RELEASE",
  ],
  [
    "that was itself verified by means of a signer",
    proven(sampleVerifiedRelease(digest, { ...good, tee: provenTee() })),
    "TEE_SIGNER_RELEASE",
  ],
  // A copy of a proof is none.
  [
    "that is a copy",
    proven(JSON.parse(JSON.stringify({ data: tee.signer.data })) as VerifiedRelease),
    "TEE_SIGNER_RELEASE",
  ],
  ["that does not verify", refused("REVOKED"), "TEE_SIGNER_RELEASE"],
  ["whose evidence the registry withholds", refused("REGISTRY_THROTTLED"), "REGISTRY_THROTTLED"],
] as const) {
  test(`a signer release ${what} gives no measurements`, () => {
    assert.deepEqual(refusals({ signer }), [code]);
  });
}

test("outside a lab, a signer's release is believed only with a quorum of rebuilds on each platform", () => {
  const entry = manifest.platforms[0];
  assert.ok(entry !== undefined);
  const { platform, digest: of } = entry;
  const rebuilt = { platform, digest: of, rebuilders: [], operators: 1, failureDomains: 1 };
  const judged = (rebuilds: VerifiedRelease["data"]["rebuilds"]): readonly string[] => {
    const release = sampleVerifiedRelease(digest, { ...good, environment: "staging", rebuilds });
    const demand = tee.policy().tee;
    assert.ok(demand !== undefined);
    const evidence = { digest: lab.evidence.digest, tee: { signer: proven(release) } };
    return codesOf(checkTeeSigner(evidence, demand, "staging"));
  };
  assert.deepEqual(judged([{ ...rebuilt, demanded: 1 }]), []);
  assert.deepEqual(judged([]), ["TEE_SIGNER_RELEASE"]);
  assert.deepEqual(judged([{ ...rebuilt, demanded: 0 }]), ["TEE_SIGNER_RELEASE"]);
  assert.deepEqual(judged([{ ...rebuilt, digest: sampleDigest("6"), demanded: 1 }]), ["TEE_SIGNER_RELEASE"]);
});

function refused(code: "REVOKED" | "REGISTRY_THROTTLED"): Checked<never> {
  return refuse(code, { subject: "signer", expected: "x", found: "y", remedy: "z" });
}

function provenTee(): NonNullable<VerifiedRelease["data"]["tee"]> {
  const checked = lab.verify({ policy: tee.policy(), evidence: tee.evidence([signature]), now: tee.now });
  assert.ok(checked.ok && checked.proof.data.tee !== undefined);
  return checked.proof.data.tee;
}

test("no release vouches for its own signer: neither as signerRelease, nor by measurements of its own", () => {
  const own = tee.policy({ signerRelease: lab.evidence.digest });
  const checked = lab.verify({ policy: own, evidence: tee.evidence([signature]), now: tee.now });
  assert.deepEqual(
    codesOf(checked).filter((code) => code !== "SKIPPED"),
    ["TEE_SIGNER_RELEASE"],
  );
});

test("without anything about the signer, attested signatures are refused", () => {
  const evidence = { ...tee.evidence([signature]), tee: undefined };
  const checked = lab.verify({
    policy: tee.policy(),
    evidence: { ...evidence, tee: undefined } as never,
    now: tee.now,
  });
  const codes = codesOf(checked).filter((code) => code !== "SKIPPED");
  // Nor is there a lab's root then: the quote ends at another one than Intel's.
  assert.deepEqual(codes, ["TEE_SIGNER_RELEASE", "TEE_QUOTE_REFUSED"]);
});

test("a lab's quotes are refused under Intel's root", () => {
  const evidence = tee.evidence([signature]);
  const { signer } = evidence.tee ?? {};
  assert.ok(signer !== undefined);
  const checked = lab.verify({ policy: tee.policy(), evidence: { ...evidence, tee: { signer } }, now: tee.now });
  assert.deepEqual(codesOf(checked), ["TEE_QUOTE_REFUSED"]);
});

test("another root than Intel's is a lab's, in environment local only", () => {
  const stranger = createTdxPki({ now: lab.now });
  assert.deepEqual(refusals({ quoteRoot: stranger.root.certificate }), ["TEE_QUOTE_REFUSED"]);
  assert.deepEqual(refusals({ quoteRoot: Buffer.from("x") }), ["TEE_ROOT_NOT_ALLOWED"]);
  const fulcio = lab.sigstore.server.instance.material.fulcio.chain.at(-1);
  assert.ok(fulcio !== undefined);
  assert.deepEqual(refusals({ quoteRoot: fulcio }), ["TEE_QUOTE_REFUSED"]);
  const staging = { ...tee.policy(), environment: "staging" } as const;
  const codes = codesOf(lab.verify({ policy: staging, evidence: tee.evidence([signature]), now: tee.now }));
  assert.ok(codes.includes("ROOT_LOCAL_OUTSIDE_LOCAL"));
});

test("could not ask is not there is none: an unread list and an unread signature are told as the registry's answer", () => {
  const evidence = tee.evidence([]);
  const throttled = withAnswer(evidence, evidence.digest, { kind: "throttled", detail: "later" });
  const codes = codesOf(lab.verify({ policy: tee.policy(), evidence: throttled, now: tee.now }));
  assert.ok(codes.includes("REGISTRY_THROTTLED") && !codes.includes("TEE_SIGNATURE_MISSING"), codes.join());
  const unread: ReferrerEvidence = { ...signature, tdxEvidence: { kind: "too-large", detail: "5 GiB" } };
  assert.deepEqual(refusals({}, [unread]), ["REGISTRY_TOO_LARGE"]);
  assert.deepEqual(refusals({}, [unread, signature]), []);
});

test("other bytes than the referrer names, and a referrer of another image, are refused", () => {
  const other = tee.signed();
  assert.deepEqual(refusals({}, [{ ...signature, tdxEvidence: other.tdxEvidence! }]), ["DIGEST_MISMATCH"]);
  assert.deepEqual(refusals({}, [{ ...signature, manifest: other.manifest }]), ["DIGEST_MISMATCH"]);
});
