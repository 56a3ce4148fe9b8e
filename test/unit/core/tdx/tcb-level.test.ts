import assert from "node:assert/strict";
import { test } from "node:test";
import { caseName } from "../../../support/case-name.ts";
import { codesOfCase, verifyCase } from "../../../support/quotes.ts";
import type { QuoteCase } from "../../../support/quotes.ts";

/** What a platform's TCB is worth: levels, modules, the relaunch check, and how they converge (Intel's TcbLevelCheck.cpp and its kin). */

function refuses(name: string, one: QuoteCase, ...codes: readonly string[]): void {
  test(caseName("refuses", name), () => {
    assert.deepEqual(codesOfCase(one), codes);
  });
}

function says(status: string, name: string, one: QuoteCase, advisories: readonly string[] = []): void {
  test(caseName(`says ${status} of`, name), () => {
    const verdict = verifyCase(one);
    assert.deepEqual(codesOfCase(one), []);
    assert.ok(verdict.ok);
    assert.deepEqual(
      { status: verdict.quote.tcb.status, advisories: verdict.quote.tcb.advisories },
      { status, advisories },
    );
  });
}

type Json = Record<string, unknown>;
type Level = Json & {
  tcb: { sgxtcbcomponents: { svn: number }[]; tdxtcbcomponents: { svn: number }[]; pcesvn: number };
};

const svns = (...first: readonly number[]): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => first[i] ?? 0);
const report = (...first: readonly number[]): QuoteCase => ({ report: { teeTcbSvn: svns(...first) } });
const info = (change: (document: Json) => Json): QuoteCase => ({ collateral: { tcbInfo: change } });
const firstLevel = (change: (level: Level) => Level): QuoteCase =>
  info((document) => {
    const [first, ...rest] = structuredClone(document["tcbLevels"]) as Level[];
    return { ...document, tcbLevels: first === undefined ? [] : [change(first), ...rest] };
  });
const status = (tcbStatus: string, more: Json = {}): QuoteCase =>
  firstLevel((level) => ({ ...level, tcbStatus, ...more }));
const withTcb = (change: Partial<Level["tcb"]>): QuoteCase =>
  firstLevel((l) => ({ ...l, tcb: { ...l.tcb, ...change } }));
const components = (...first: readonly number[]) => Array.from({ length: 16 }, (_, i) => ({ svn: first[i] ?? 0 }));

// levels
says("UpToDate", "a platform at the newest level", {});
says("UpToDate", "a platform beyond the newest level", report(9, 3, 9, 1));
says("OutOfDate", "a platform with older TDX microcode", report(5, 3, 1), ["INTEL-SA-09901", "INTEL-SA-09902"]);
says("OutOfDate", "a platform with one older SGX component", withTcb({ sgxtcbcomponents: components(3) }), [
  "INTEL-SA-09901",
  "INTEL-SA-09902",
]);
says(
  "OutOfDate",
  "a platform whose last SGX component is older",
  withTcb({ sgxtcbcomponents: components(...Array.from({ length: 15 }, () => 0), 1) }),
  ["INTEL-SA-09901", "INTEL-SA-09902"],
);
says("OutOfDate", "a platform with an older PCE", withTcb({ pcesvn: 14 }), ["INTEL-SA-09901", "INTEL-SA-09902"]);
refuses("a platform below every level", report(5, 3, 0), "TCB_LEVEL_NONE");
for (const name of [
  "SWHardeningNeeded",
  "ConfigurationNeeded",
  "ConfigurationAndSWHardeningNeeded",
  "OutOfDate",
  "OutOfDateConfigurationNeeded",
  "Revoked",
])
  says(name, `a level that is ${name}`, status(name, { advisoryIDs: ["INTEL-SA-00001"] }), ["INTEL-SA-00001"]);
says(
  "UpToDate",
  "an advisory that applies to a current platform",
  status("UpToDate", { advisoryIDs: ["INTEL-SA-00002"] }),
  ["INTEL-SA-00002"],
);

// from index 2 when the module has a version
says(
  "UpToDate",
  "E1: a module whose SVN is below the level's, as its version's identity judges it",
  withTcb({ tdxtcbcomponents: components(200, 200, 2) }),
);
says("OutOfDate", "E1: a module without a version, whose SVN is below the level's", report(4, 0, 2), [
  "INTEL-SA-09901",
  "INTEL-SA-09902",
]);
says("UpToDate", "E4: a module without a version that reaches the level", report(5, 0, 2));
refuses("a module without a version, below every level", report(3, 0, 2), "TCB_LEVEL_NONE");

// the module's identity
says("UpToDate", "E2: another version of the module", report(4, 1, 2));
says("OutOfDate", "a module that is out of date", { ...report(3, 3, 2), td: "1.0" }, ["INTEL-SA-09903"]);
refuses("a module whose SVN is below all that are listed", report(2, 3, 2), "TCB_MODULE_LEVEL_NONE");
refuses("E3: a version of the module that is not listed", report(5, 2, 2), "TCB_MODULE_UNKNOWN");
refuses(
  "E3: a version of the module, where none is listed",
  info((d) => ({ ...d, tdxModuleIdentities: [] })),
  "TCB_MODULE_UNKNOWN",
);
refuses("E5: a module by another signer", { report: { mrSignerSeam: "01".repeat(48) } }, "TCB_MODULE_SIGNER");
refuses(
  "E4: a module by another signer, without a version",
  { report: { teeTcbSvn: svns(5, 0, 2), mrSignerSeam: "01".repeat(48) } },
  "TCB_MODULE_SIGNER",
);
refuses("a module in debug mode", { report: { seamAttributes: `01${"00".repeat(7)}` } }, "TCB_MODULE_ATTRIBUTES");
refuses(
  "a module with attributes that TCB info would allow",
  {
    report: { seamAttributes: `01${"00".repeat(7)}` },
    ...info((d) => ({
      ...d,
      tdxModuleIdentities: (d["tdxModuleIdentities"] as Json[]).map((m) => ({
        ...m,
        attributes: `01${"00".repeat(7)}`,
      })),
    })),
  },
  "TCB_MODULE_ATTRIBUTES",
);
says(
  "UpToDate",
  "an identity that is written in small letters",
  info((d) => ({
    ...d,
    tdxModuleIdentities: (d["tdxModuleIdentities"] as (Json & { id: string })[]).map((m) => ({
      ...m,
      id: m.id.replace("03", "03"),
    })),
  })),
);

// the quoting enclave
const qeSvn = (svn: number): QuoteCase => ({ quote: { qe: { svn } } });
says("OutOfDate", "E6: a quoting enclave that is out of date", qeSvn(3), ["INTEL-SA-09904"]);
says("Revoked", "a quoting enclave that is revoked", qeSvn(1));
refuses("E6: a quoting enclave below every level", qeSvn(0), "TCB_QE_LEVEL_NONE");

// how parts make a platform's status worse
for (const [platform, outdated] of [
  ["UpToDate", "OutOfDate"],
  ["SWHardeningNeeded", "OutOfDate"],
  ["ConfigurationNeeded", "OutOfDateConfigurationNeeded"],
  ["ConfigurationAndSWHardeningNeeded", "OutOfDateConfigurationNeeded"],
  ["OutOfDate", "OutOfDate"],
  ["OutOfDateConfigurationNeeded", "OutOfDateConfigurationNeeded"],
  ["Revoked", "Revoked"],
] as const) {
  says(outdated, `E7: ${platform} with a quoting enclave that is out of date`, { ...status(platform), ...qeSvn(3) }, [
    "INTEL-SA-09904",
  ]);
  says("Revoked", `${platform} with a quoting enclave that is revoked`, { ...status(platform), ...qeSvn(1) });
  says(
    outdated,
    `E7: ${platform} with a module that is out of date`,
    { ...status(platform), ...report(3, 3, 2), td: "1.0" },
    ["INTEL-SA-09903"],
  );
}
const revokedModule = info((d) => ({
  ...d,
  tdxModuleIdentities: (d["tdxModuleIdentities"] as Json[]).map((m) => ({
    ...m,
    tcbLevels: [{ tcb: { isvsvn: 0 }, tcbDate: "2026-01-01T00:00:00Z", tcbStatus: "Revoked" }],
  })),
}));
says("Revoked", "a module that is revoked", revokedModule);
says(
  "Revoked",
  "a platform whose SGX level is revoked, though a lower level matches its TDX components",
  { ...status("Revoked"), ...report(5, 3, 1) },
  ["INTEL-SA-09901", "INTEL-SA-09902"],
);

// relaunch: a trust domain that was started before the platform was updated
const relaunch = (before: Uint8Array, now: Uint8Array, more: QuoteCase = {}): QuoteCase => ({
  ...more,
  report: { teeTcbSvn: before, td15: { teeTcbSvn2: now, mrServiceTd: "00".repeat(48) } },
});
const old = svns(3, 3, 2);
says("TDRelaunchAdvised", "E8: an old module, where the platform has a new one now", relaunch(old, svns(5, 3, 2)), [
  "INTEL-SA-09903",
]);
says("TDRelaunchAdvised", "an old module, where the platform has another version now", relaunch(old, svns(4, 1, 2)), [
  "INTEL-SA-09903",
]);
says("TDRelaunchAdvised", "an old module, where the platform's has no version now", relaunch(old, svns(5, 0, 2)), [
  "INTEL-SA-09903",
]);
says("OutOfDate", "an old module, where the platform's is still old", relaunch(old, old), ["INTEL-SA-09903"]);
says("OutOfDate", "an old module, where the platform's microcode is still old", relaunch(old, svns(5, 3, 1)), [
  "INTEL-SA-09903",
]);
says("OutOfDate", "an old module without a version, below the level", relaunch(old, svns(4, 0, 2)), ["INTEL-SA-09903"]);
says("OutOfDate", "an old quoting enclave besides", relaunch(old, svns(5, 3, 2), qeSvn(3)), [
  "INTEL-SA-09903",
  "INTEL-SA-09904",
]);
says("Revoked", "a revoked quoting enclave besides", relaunch(old, svns(5, 3, 2), qeSvn(1)), ["INTEL-SA-09903"]);
for (const needed of ["ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded"])
  says(
    "TDRelaunchAdvisedConfigurationNeeded",
    `an old module on a platform that is ${needed}`,
    relaunch(old, svns(5, 3, 2), status(needed)),
    ["INTEL-SA-09903"],
  );
says(
  "TDRelaunchAdvised",
  "an old module on a platform that needs software hardening",
  relaunch(old, svns(5, 3, 2), status("SWHardeningNeeded")),
  ["INTEL-SA-09903"],
);
says("OutOfDate", "an old platform, which no relaunch mends", relaunch(svns(5, 3, 1), svns(5, 3, 2)), [
  "INTEL-SA-09901",
  "INTEL-SA-09902",
]);
refuses(
  "E8: a relaunch on a version of the module that is not listed",
  relaunch(old, svns(5, 2, 2)),
  "TCB_MODULE_UNKNOWN",
);
says("UpToDate", "a current domain, whatever the platform has now", relaunch(svns(5, 3, 2), svns(0, 9, 0)));
