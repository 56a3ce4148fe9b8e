import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { createTdxPki } from "../../../../lab/tdx/pki.ts";
import { labMachine } from "../../../../lab/tdx/lab-machine.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import type { ReferrerEvidence } from "../../../../src/core/verify/evidence.ts";
import { writeEvidenceDocument } from "../../../../src/core/tdx/evidence-document.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { sampleDigest } from "../../../support/policies.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { evidenceReferrer, teeLabOf } from "../../../support/tee.ts";
import type { TeeChange } from "../../../support/tee.ts";

const lab = await startReleaseLab();
const tee = teeLabOf(lab);
const other = "b".repeat(96);

/** Codes without what was skipped for lack of a premise. */
function refusals(
  signatures: readonly ReferrerEvidence[],
  policy: Readonly<Record<string, unknown>> = {},
  now = tee.now,
): readonly string[] {
  const checked = lab.verify({ policy: tee.policy(policy), evidence: tee.evidence(signatures), now });
  return codesOf(checked).filter((code) => code !== "SKIPPED");
}

test("a signature made in an attested trust domain is proven, and everything about it is told", () => {
  const signature = tee.signed();
  const checked = lab.verify({ policy: tee.policy(), evidence: tee.evidence([signature]), now: tee.now });
  assert.ok(checked.ok);
  const { tee: proven } = checked.proof.data;
  assert.equal(proven?.referrer, signature.digest);
  assert.equal(proven.signerRelease, tee.signerRelease);
  assert.equal(proven.key, "ephemeral");
  assert.match(proven.keyDigest, /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(proven.platform, { ...proven.platform, ppid: tee.pki.platform.ppid, bound: true });
  assert.equal(proven.tcb.status, "UpToDate");
  assert.deepEqual(proven.measurements, labMachine().measurements);
  assert.deepEqual(proven.notes, []);
  assert.equal(Date.parse(proven.signedAt) - Date.parse(proven.challengedAt), 60_000);
});

for (const td of ["1.0", "1.5"] as const) {
  test(`quotes of TD ${td} are taken`, () => {
    assert.deepEqual(refusals([tee.signed({ td })]), []);
  });
}

test("it adds to signers: without the signature by a signer, the release is refused all the same", () => {
  const good = tee.evidence([tee.signed()]);
  const without = lab.without("signature");
  const index = without.referrers.get(without.digest);
  assert.ok(index?.kind === "found");
  const signatures = { kind: "found", value: [...index.value, tee.signed()] } as const;
  const evidence = { ...good, referrers: new Map([...without.referrers, [without.digest, signatures]]) };
  const checked = lab.verify({ policy: tee.policy(), evidence, now: tee.now });
  assert.deepEqual(codesOf(checked), ["STATEMENT_MISSING"]);
});

test("an image without an attested signature is refused, and under a policy without tee nobody asks", () => {
  assert.deepEqual(refusals([]), ["TEE_SIGNATURE_MISSING"]);
  assert.deepEqual(codesOf(lab.verify({ now: tee.now })), []);
});

const stranger = createTdxPki({ now: new Date(tee.now.getTime() - 10 * 24 * 3600_000) });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p384 = generateKeyPairSync("ec", { namedCurve: "secp384r1" });

const breaks: readonly (readonly [string, TeeChange, readonly string[]])[] = [
  // the statement
  ["about another image", { subject: sampleDigest("7") }, ["STATEMENT_SUBJECT_MISMATCH"]],
  ["of another predicate type", { predicateType: "https://example.org/x" }, ["STATEMENT_PREDICATE_TYPE"]],
  ["with an unknown field", { predicate: { trusted: true } }, ["TEE_EVIDENCE_INVALID"]],
  ["of another schema", { predicate: { schema: 2 } }, ["TEE_EVIDENCE_INVALID"]],
  ["that names another challenge", { predicate: { challenge: sampleDigest("6") } }, ["TEE_CHALLENGE_MISMATCH"]],
  ["under a policy that is not listed", { predicate: { policy: sampleDigest("6") } }, ["TEE_POLICY_NOT_ALLOWED"]],
  ["by an RSA key", { keys: rsa }, ["TEE_SIGNATURE_INVALID"]],
  ["by a key on another curve", { keys: p384 }, ["TEE_SIGNATURE_INVALID"]],
  // the binding: a valid quote of this very machine, made for something else
  ["whose quote is for another payload", { bound: { payload: Buffer.from("{}") } }, ["TEE_BINDING_MISMATCH"]],
  ["whose quote is for another key", { bound: { spki: Buffer.from("x") } }, ["TEE_BINDING_MISMATCH"]],
  ["whose quote is for another policy", { bound: { policy: sampleDigest("6") } }, ["TEE_BINDING_MISMATCH"]],
  ["whose quote is for another challenge", { bound: { challenge: Buffer.from("x") } }, ["TEE_BINDING_MISMATCH"]],
  // times
  ["16 minutes after its challenge", { challengedAgo: 17 }, ["TEE_TIME_WINDOW"]],
  ["before its challenge", { challengedAgo: 1, stampedAgo: [2] }, ["TEE_TIME_WINDOW"]],
  ["stamped again after the window", { challengedAgo: 17, stampedAgo: [16, 1] }, ["TEE_TIME_WINDOW"]],
  ["from the future", { challengedAgo: -3, stampedAgo: [-4] }, ["TEE_TIME_INVALID"]],
  // the quote
  ["by a platform of another root", { pki: stranger }, ["TEE_QUOTE_REFUSED"]],
  ["with collateral that was not there yet", { collateralAgo: 0 }, ["TEE_QUOTE_REFUSED"]],
  ["with expired collateral", { collateralAgo: 31 * 24 * 60 }, ["TEE_QUOTE_REFUSED"]],
  ["with an SGX quote", { quote: { teeType: 0 } }, ["TEE_QUOTE_REFUSED"]],
  // the trust domain
  ["with debug on", { report: { tdAttributes: "0100001000000000" } }, ["TEE_TD_REFUSED"]],
  ["that could be migrated", { report: { tdAttributes: "0000003000000000" } }, ["TEE_TD_REFUSED"]],
  ["with a configuration of its owner's", { report: { mrConfigId: "1".repeat(96) } }, ["TEE_TD_REFUSED"]],
  ["with something in RTMR3", { report: { rtmr3: other } }, ["TEE_TD_REFUSED", "TEE_EVENT_LOG_MISMATCH"]],
  ["of another firmware", { report: { mrtd: other } }, ["TEE_MEASUREMENT_MISMATCH"]],
  [
    "with an event log of another boot",
    { eventLog: labMachine(Buffer.from("x")).eventLog },
    ["TEE_EVENT_LOG_MISMATCH"],
  ],
  ["with an empty event log", { eventLog: Buffer.from("x") }, ["TEE_EVENT_LOG_MISMATCH"]],
  ["of another machine type", { report: { rtmr0: other } }, ["TEE_EVENT_LOG_MISMATCH", "TEE_MEASUREMENT_MISMATCH"]],
];

for (const [what, change, codes] of breaks) {
  test(`a signature ${what} is refused`, () => {
    assert.deepEqual(refusals([tee.signed(change)]), codes);
  });
}

test("a machine that booted another disk is refused, even with its own event log", () => {
  const { eventLog, measurements } = labMachine(Buffer.from("another disk"));
  const signature = tee.signed({ eventLog, report: measurements });
  assert.deepEqual(refusals([signature]), ["TEE_MEASUREMENT_MISMATCH"]);
});

test("exactly 15 minutes are taken", () => {
  assert.deepEqual(refusals([tee.signed({ challengedAgo: 16 })]), []);
});

const flip = (bytes: Uint8Array, at = bytes.length - 1): Uint8Array =>
  Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ 1 : byte));

test("a document with one part of another signature is refused by that part's code", () => {
  const one = tee.document();
  const two = tee.document();
  const mixed = (parts: Partial<typeof one>): readonly string[] =>
    refusals([evidenceReferrer(lab, writeEvidenceDocument({ ...one, ...parts }))]);
  assert.deepEqual(mixed({}), []);
  assert.deepEqual(mixed({ signature: two.signature }), ["TEE_SIGNATURE_INVALID", "TEE_TIME_INVALID"]);
  assert.deepEqual(mixed({ spki: two.spki }), ["TEE_SIGNATURE_INVALID", "TEE_TIME_INVALID"]);
  assert.deepEqual(mixed({ challenge: two.challenge }), ["TEE_CHALLENGE_MISMATCH", "TEE_TIME_INVALID"]);
  assert.deepEqual(mixed({ timestamps: two.timestamps }), ["TEE_TIME_INVALID"]);
  // A replayed quote: the stamps are over the other one.
  assert.deepEqual(mixed({ quote: two.quote }), ["TEE_TIME_INVALID"]);
  // A replayed quote with its own key, signature and stamps around another statement.
  const { spki, signature, timestamps, challenge, quote } = two;
  assert.deepEqual(mixed({ spki, signature, timestamps, challenge, quote }), [
    "TEE_SIGNATURE_INVALID",
    "TEE_CHALLENGE_MISMATCH",
  ]);
  assert.deepEqual(mixed({ payload: flip(one.payload, 20) }), ["TEE_SIGNATURE_INVALID", "STATEMENT_INVALID"]);
});

test("the policy's demands of the platform are each refused by a code of their own", () => {
  const signature = tee.signed();
  assert.deepEqual(refusals([signature], { platforms: ["0".repeat(32)] }), ["TEE_PLATFORM_NOT_ALLOWED"]);
  assert.deepEqual(refusals([signature], { minEvaluation: 21 }), ["TEE_EVALUATION_TOO_OLD"]);
  assert.deepEqual(refusals([signature], { statuses: ["OutOfDate"] }), ["TEE_STATUS_NOT_ALLOWED"]);
  assert.deepEqual(refusals([signature], { mrtd: [other] }), ["TEE_MEASUREMENT_MISMATCH"]);
  assert.deepEqual(refusals([signature], { rtmr0: [other] }), ["TEE_MEASUREMENT_MISMATCH"]);
  assert.deepEqual(refusals([signature], { policyDigests: ["0".repeat(64)] }), ["TEE_POLICY_NOT_ALLOWED"]);
});

/** Older parts of the platform: Intel calls it out of date, with advisories. */
const outdated: TeeChange = {
  collateral: {
    tcbInfo: (document) => {
      const levels = document["tcbLevels"] as readonly Record<string, unknown>[];
      return {
        ...document,
        tcbLevels: levels.map((level) => ({ ...level, tcbStatus: "OutOfDate", advisoryIDs: ["INTEL-SA-09901"] })),
      };
    },
  },
};

test("a platform that is out of date is refused, unless its status and each advisory are allowed", () => {
  const signature = tee.signed(outdated);
  assert.deepEqual(refusals([signature]), ["TEE_STATUS_NOT_ALLOWED", "TEE_ADVISORY_NOT_ALLOWED"]);
  assert.deepEqual(refusals([signature], { statuses: ["OutOfDate"] }), ["TEE_ADVISORY_NOT_ALLOWED"]);
  const allowed = { statuses: ["OutOfDate"], advisoriesAllowed: ["INTEL-SA-09901"] };
  assert.deepEqual(refusals([signature], allowed), []);
});

test("rolled-back collateral is refused by its evaluation", () => {
  const tcbInfo = (document: Record<string, unknown>): Record<string, unknown> => ({
    ...document,
    tcbEvaluationDataNumber: 19,
  });
  assert.deepEqual(refusals([tee.signed({ collateral: { tcbInfo } })]), ["TEE_EVALUATION_TOO_OLD"]);
});

test("revocation overturns what was good: platform, measurements, signer, policy, signature and key", () => {
  const signature = tee.signed();
  const document = tee.document();
  const referrer = evidenceReferrer(lab, writeEvidenceDocument(document));
  const { mrtd, rtmr0, rtmr1, rtmr2 } = labMachine().measurements;
  const { ppid } = tee.pki.platform;
  const policy = `sha256:${tee.policy().tee?.policyDigests[0] ?? ""}`;
  for (const revoked of [ppid, mrtd, rtmr0, rtmr1, rtmr2, tee.signerRelease, policy]) {
    assert.deepEqual(refusals([signature], { revoked: [revoked] }), ["TEE_REVOKED"], revoked);
  }
  for (const revoked of [referrer.digest, digestOf(document.spki)]) {
    assert.deepEqual(refusals([referrer], { revoked: [revoked] }), ["TEE_REVOKED"], revoked);
    // Another one that is not revoked still counts.
    assert.deepEqual(refusals([referrer, signature], { revoked: [revoked] }), []);
  }
  assert.deepEqual(refusals([signature], { revoked: ["0".repeat(32)] }), []);
});

test("a revoked signature does not come back under another referrer: its key is what was revoked, and is told", () => {
  const document = tee.document();
  const bytes = writeEvidenceDocument(document);
  const [one, two] = [evidenceReferrer(lab, bytes), evidenceReferrer(lab, bytes, undefined, { note: "again" })];
  assert.notEqual(one.digest, two.digest);
  const checked = lab.verify({ policy: tee.policy(), evidence: tee.evidence([two]), now: tee.now });
  assert.ok(checked.ok && checked.proof.data.tee !== undefined);
  const { keyDigest } = checked.proof.data.tee;
  assert.equal(keyDigest, digestOf(document.spki));
  assert.deepEqual(refusals([one, two], { revoked: [keyDigest] }), ["TEE_REVOKED", "TEE_REVOKED"]);
});

test("the verdict when it signed decides: years later it still holds, and only warns", () => {
  const checked = lab.verify({
    policy: { ...tee.policy(), freshness: { minVersion: "0.1.0", maxAge: "3650d" } },
    evidence: tee.evidence([tee.signed()]),
    now: new Date(tee.now.getTime() + 200 * 24 * 3600_000),
  });
  assert.deepEqual(codesOf(checked), []);
  assert.ok(checked.ok);
  assert.match(checked.proof.data.tee?.notes.join() ?? "", /^what Intel said when it signed ended 20/);
});

test("what Intel says today warns, and decides nothing", () => {
  const signature = tee.signed();
  const { collateral } = tee.document(outdated);
  const evidence = tee.evidence([signature], { collateral: [collateral] });
  const checked = lab.verify({ policy: tee.policy(), evidence, now: tee.now });
  assert.ok(checked.ok);
  assert.deepEqual(
    checked.proof.data.tee?.notes.map((note) => note.split(" (")[0]),
    ["today: TCB_STATUS_NOT_ALLOWED", "today: TCB_ADVISORY_NOT_ALLOWED"],
  );
});

test("without a list of platforms the result says that the platform is unbound", () => {
  const policy = tee.policy({ platforms: [] });
  const checked = lab.verify({ policy, evidence: tee.evidence([tee.signed()]), now: tee.now });
  assert.ok(checked.ok);
  assert.equal(checked.proof.data.tee?.platform.bound, false);
  assert.match(checked.proof.data.tee.notes.join(), /^platform unbound/);
});

test("a key of the key broker's is labelled for what it is", () => {
  const evidence = tee.evidence([tee.signed({ predicate: { key: "kbs-key" } })]);
  const checked = lab.verify({ policy: tee.policy(), evidence, now: tee.now });
  assert.ok(checked.ok);
  assert.deepEqual(checked.proof.data.tee?.notes, ["kbs-key: the KBS operator can sign with this key, too"]);
});

test("others' attested signatures say nothing beside one that holds", () => {
  const noise = [tee.signed({ report: { mrtd: other } }), evidenceReferrer(lab, Buffer.from("{}"))];
  assert.deepEqual(refusals([...noise, tee.signed()]), []);
  assert.deepEqual(refusals(noise), ["TEE_MEASUREMENT_MISMATCH", "TEE_EVIDENCE_INVALID"]);
});

test("as many distinct authorities as roots.tsa says have to stamp", () => {
  const policy = { ...tee.policy(), roots: { ...tee.policy().roots, tsa: 2 } };
  const signature = tee.signed({ stampedAgo: [1, 0.5] });
  const checked = lab.verify({ policy, evidence: tee.evidence([signature]), now: tee.now });
  assert.ok(codesOf(checked).includes("TEE_TIME_INVALID"));
});
