import assert from "node:assert/strict";
import { test } from "node:test";
import { writeCollateral } from "../../../../lab/tdx/collateral-writer.ts";
import type { CollateralChanges } from "../../../../lab/tdx/collateral-writer.ts";
import { createTdxPki } from "../../../../lab/tdx/pki.ts";
import { labPlatform } from "../../../../lab/tdx/sgx-extension.ts";
import type { ProvenTee } from "../../../../src/core/release/verified-release.ts";
import type { Collateral } from "../../../../src/core/tdx/contract.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { teeLabOf } from "../../../support/tee.ts";

/** Rule 7: the verdict of the time of signing decides; what Intel says today is shown, and warns. */

const lab = await startReleaseLab();
const tee = teeLabOf(lab);
const day = 24 * 3600_000;
const later = new Date(tee.now.getTime() + 200 * day);
const signature = tee.signed();

/** Collateral that was issued so many days before it is used. */
function collateralOf(changes: CollateralChanges = {}, pki = tee.pki, daysAgo = 1): Collateral {
  const issued = new Date(later.getTime() - daysAgo * day);
  return writeCollateral(pki, { issued, nextUpdate: new Date(issued.getTime() + 30 * day) }, changes);
}
type Json = Record<string, unknown>;
const withStatus =
  (tcbStatus: string, advisoryIDs: readonly string[], evaluation = 21) =>
  (document: Json): Json => ({
    ...document,
    tcbEvaluationDataNumber: evaluation,
    tcbLevels: (document["tcbLevels"] as readonly Json[]).map((level) => ({ ...level, tcbStatus, advisoryIDs })),
  });
const newer = (document: Json): Json => ({ ...document, tcbEvaluationDataNumber: 21 });

/** 200 days after the signature; it has to be accepted, whatever Intel says today. */
function proven(
  collateral?: readonly Collateral[],
  now = later,
  change: Readonly<Record<string, unknown>> = {},
): ProvenTee {
  const policy = { ...tee.policy(change), freshness: { minVersion: "0.1.0", maxAge: "3650d" } };
  const evidence = tee.evidence([signature], collateral === undefined ? {} : { collateral });
  const checked = lab.verify({ policy, evidence, now });
  assert.deepEqual(codesOf(checked), []);
  assert.ok(checked.ok && checked.proof.data.tee !== undefined);
  return checked.proof.data.tee;
}
const shortNotes = ({ notes }: ProvenTee): readonly string[] => notes.map((note) => note.split(" (")[0] ?? "");

test("says what Intel says today, and has no note when that is as good as it was", () => {
  const found = proven([collateralOf({ tcbInfo: newer, qeIdentity: newer })]);
  assert.deepEqual(found.notes, []);
  assert.deepEqual([found.today?.status, found.today?.evaluation, found.today?.advisories], ["UpToDate", 21, []]);
  assert.equal(found.today?.until, new Date(later.getTime() + 29 * day).toISOString().replace(/\d{3}Z$/, "000Z"));
  assert.equal(found.tcb.evaluation, 20, "the verdict of the time of signing stays as it was");
});

test("says that nobody asked, once what was said when it signed is over, and not before", () => {
  assert.deepEqual(shortNotes(proven(undefined, tee.now)), []);
  const { notes, today } = proven();
  assert.match(notes.join(), /^what Intel said when it signed ended 20.+Z; what it says today was not asked$/);
  assert.equal(today, undefined);
});

const warned: Readonly<Record<string, readonly [CollateralChanges, readonly string[], string?]>> = {
  "a platform that a TCB recovery left behind": [
    { tcbInfo: withStatus("OutOfDate", ["INTEL-SA-09901"]) },
    ["today: TCB_STATUS_NOT_ALLOWED", "today: TCB_ADVISORY_NOT_ALLOWED"],
    "OutOfDate",
  ],
  "a TCB level that is revoked now": [{ tcbInfo: withStatus("Revoked", []) }, ["today: TCB_REVOKED"], "Revoked"],
  "a platform's certificate that is revoked now": [
    { revokedByCa: [tee.pki.pck.serial] },
    ["today: CERTIFICATE_REVOKED"],
  ],
  "an authority that is revoked now": [
    { revokedByRoot: [tee.pki.platformCa.serial] },
    ["today: CERTIFICATE_REVOKED", "today: CERTIFICATE_REVOKED"],
  ],
  "a quoting enclave that is older than all that are listed now": [
    {
      qeIdentity: (document) => ({
        ...document,
        tcbLevels: [{ tcb: { isvsvn: 9 }, tcbDate: "2026-03-11T00:00:00Z", tcbStatus: "UpToDate" }],
      }),
    },
    ["today: TCB_QE_LEVEL_NONE"],
  ],
};
for (const [what, [changes, expected, status]] of Object.entries(warned))
  test(`warns of ${what}, and still accepts what it signed then`, () => {
    const found = proven([collateralOf(changes)]);
    assert.deepEqual(shortNotes(found), expected);
    assert.ok(found.notes.every((note) => note.endsWith("; the verdict when it signed counts")));
    assert.equal(found.today?.status, status);
  });

test("only tee.revoked overturns: with the platform listed there, the same is refused", () => {
  const policy = {
    ...tee.policy({ revoked: [tee.pki.platform.ppid] }),
    freshness: { minVersion: "0.1.0", maxAge: "3650d" },
  };
  const evidence = tee.evidence([signature], { collateral: [collateralOf({ revokedByCa: [tee.pki.pck.serial] })] });
  assert.deepEqual(codesOf(lab.verify({ policy, evidence, now: later })), ["TEE_REVOKED"]);
});

test("collateral that is over by now is told as such", () => {
  const codes = ["COLLATERAL_CRL_EXPIRED", "COLLATERAL_CRL_EXPIRED", "COLLATERAL_EXPIRED", "COLLATERAL_EXPIRED"];
  const found = proven([collateralOf({}, tee.pki, 31)]);
  assert.deepEqual(
    shortNotes(found),
    codes.map((code) => `today: ${code}`),
  );
  assert.equal(found.today, undefined);
});

test("of several for one platform the newest counts, in whatever order they are given", () => {
  const old = collateralOf();
  const recovery = collateralOf({ tcbInfo: withStatus("OutOfDate", []), qeIdentity: newer });
  const revoking = collateralOf({ revokedByCa: [tee.pki.pck.serial] }, tee.pki, 0.5);
  for (const given of [
    [old, recovery],
    [recovery, old],
  ])
    assert.deepEqual(shortNotes(proven(given)), ["today: TCB_STATUS_NOT_ALLOWED"]);
  for (const given of [
    [old, revoking],
    [revoking, old],
  ])
    assert.deepEqual(shortNotes(proven(given)), ["today: CERTIFICATE_REVOKED"]);
});

test("another platform's collateral says nothing, and that none is of this one is told", () => {
  const platform = { ...labPlatform, fmspc: "00806f050000" };
  const other = { ...tee.pki, platform };
  const { notes, today } = proven([collateralOf({ tcbInfo: withStatus("Revoked", []) }, other)]);
  assert.match(
    notes.join(),
    /^what Intel said .+; no collateral of today was given for platforms with FMSPC [0-9a-f]{12}$/,
  );
  assert.equal(today, undefined);
  const beside = proven([collateralOf({}, other), collateralOf()]);
  assert.deepEqual([beside.notes, beside.today?.status], [[], "UpToDate"]);
  assert.match(proven([], tee.now).notes.join(), /^no collateral of today was given for platforms with FMSPC/);
});

test("collateral that nobody signed, or that was changed, is told and decides nothing", () => {
  const forged = collateralOf({}, createTdxPki({ now: new Date(tee.now.getTime() - 400 * day) }));
  const stranger = proven([forged]);
  assert.deepEqual(new Set(shortNotes(stranger).slice(0, -1)), new Set(["today: CERTIFICATE_ROOT"]));
  assert.equal(stranger.today, undefined);
  const good = collateralOf({ tcbInfo: newer, qeIdentity: newer });
  const changed = { ...good, tcbInfo: good.tcbInfo.replace("UpToDate", "OutOfDate") };
  assert.deepEqual(shortNotes(proven([changed, good])), ["today: COLLATERAL_SIGNATURE"]);
  assert.equal(proven([changed, good]).today?.status, "UpToDate");
});
