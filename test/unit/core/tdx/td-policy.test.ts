import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptTd, reportFaults } from "../../../../src/core/tdx/td-policy.ts";
import type { TdPolicy } from "../../../../src/core/tdx/td-policy.ts";
import { parseQuote } from "../../../../src/core/tdx/quote.ts";
import { vectors } from "../../../support/vectors.ts";
import { codesOfJudged, labPki, verifyCase } from "../../../support/quotes.ts";
import type { QuoteCase } from "../../../support/quotes.ts";
import { caseName } from "../../../support/case-name.ts";

/** What is asked of a quote whose every signature holds. */

const policy: TdPolicy = {
  statuses: ["UpToDate"],
  advisoriesAllowed: [],
  minEvaluation: 20,
  platforms: [labPki.platform.ppid],
};

function accepted(one: QuoteCase = {}, change: Partial<TdPolicy> = {}) {
  const verdict = verifyCase(one);
  assert.ok(verdict.ok, "the quote itself must hold");
  return acceptTd(verdict.quote, { ...policy, ...change });
}

function refuses(name: string, one: QuoteCase, change: Partial<TdPolicy>, ...codes: readonly string[]): void {
  test(caseName("refuses", name), () => {
    assert.deepEqual(codesOfJudged(accepted(one, change)), codes);
  });
}

/** TDATTRIBUTES with SEPT_VE_DISABLE, and these bits. */
function attributes(...bits: readonly number[]): QuoteCase {
  const value = [28, ...bits].reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return { report: { tdAttributes: bytes.toString("hex") } };
}

test("accepts a trust domain as the lab's platform makes them, bound to its platform", () => {
  for (const td of ["1.0", "1.5"] as const)
    assert.deepEqual(accepted({ td }), { ok: true, value: { platform: "bound" } });
});

test("J5: says that a platform is unbound when the policy lists none", () => {
  assert.deepEqual(accepted({}, { platforms: [] }), { ok: true, value: { platform: "unbound" } });
});

refuses("I2: a platform that is not listed", {}, { platforms: ["00".repeat(16)] }, "TD_PLATFORM_NOT_ALLOWED");
refuses("D8: an evaluation below the policy's", {}, { minEvaluation: 21 }, "TCB_EVALUATION_TOO_OLD");
refuses(
  "D8: a rolled back QE identity",
  { collateral: { qeIdentity: (d) => ({ ...d, tcbEvaluationDataNumber: 19 }) } },
  {},
  "TCB_EVALUATION_TOO_OLD",
);
refuses(
  "E10: a status that is not listed",
  { report: { teeTcbSvn: Uint8Array.from({ length: 16 }, (_, i) => [5, 3, 1][i] ?? 0) } },
  { advisoriesAllowed: ["INTEL-SA-09901", "INTEL-SA-09902"] },
  "TCB_STATUS_NOT_ALLOWED",
);
refuses("any status under an empty list", {}, { statuses: [] }, "TCB_STATUS_NOT_ALLOWED");
refuses(
  "E9: an advisory that is not listed, where its status is",
  { quote: { qe: { svn: 3 } } },
  { statuses: ["OutOfDate"] },
  "TCB_ADVISORY_NOT_ALLOWED",
);
refuses(
  "E10: Revoked, though a policy lists it",
  { quote: { qe: { svn: 1 } } },
  { statuses: ["Revoked"] },
  "TCB_REVOKED",
);
test("accepts a status and its advisories that are listed", () => {
  assert.deepEqual(
    codesOfJudged(
      accepted({ quote: { qe: { svn: 3 } } }, { statuses: ["OutOfDate"], advisoriesAllowed: ["INTEL-SA-09904"] }),
    ),
    [],
  );
});

refuses("F1: DEBUG", attributes(0), {}, "TD_DEBUG");
refuses("J1: MIGRATABLE", attributes(29), {}, "TD_MIGRATABLE");
refuses("F4: PKS", attributes(30), {}, "TD_PROTECTION_KEYS");
refuses("F5: KL", attributes(31), {}, "TD_KEY_LOCKER");
refuses("F6: PERFMON", attributes(63), {}, "TD_PERFORMANCE_MONITORING");
refuses("F3: SEPT_VE_DISABLE off", { report: { tdAttributes: "00".repeat(8) } }, {}, "TD_SEPT_VE_NOT_DISABLED");
for (let bit = 0; bit < 64; bit += 1) {
  if ([0, 28, 29, 30, 31, 63].includes(bit)) continue;
  refuses(`F2: bit ${bit} of TDATTRIBUTES`, attributes(bit), {}, "TD_RESERVED_ATTRIBUTE");
}
refuses(
  "several attributes at once, and names each",
  attributes(0, 29, 5, 63),
  {},
  "TD_DEBUG",
  "TD_MIGRATABLE",
  "TD_PERFORMANCE_MONITORING",
  "TD_RESERVED_ATTRIBUTE",
);

refuses("F7: XFAM without SSE", { report: { xfam: `01${"00".repeat(7)}` } }, {}, "TD_XFAM");
refuses("XFAM of zeros", { report: { xfam: "00".repeat(8) } }, {}, "TD_XFAM");
refuses("F7: XFAM with a bit that is not known", { report: { xfam: `07${"00".repeat(6)}80` } }, {}, "TD_XFAM");
for (const xfam of ["e700060000000000", "e702060000000000", "e718060000000000", "e742060000000000"])
  test(`accepts XFAM ${xfam}, as real platforms have it`, () => {
    assert.deepEqual(codesOfJudged(accepted({ report: { xfam } })), []);
  });

const other = "01".repeat(48);
refuses(
  "E5: a module by another signer, though TCB info names it",
  {
    report: { mrSignerSeam: other },
    collateral: {
      tcbInfo: (d) => ({
        ...d,
        tdxModuleIdentities: (d["tdxModuleIdentities"] as Record<string, unknown>[]).map((m) => ({
          ...m,
          mrsigner: other,
        })),
      }),
    },
  },
  {},
  "TD_MODULE_SIGNER",
);
refuses(
  "F8: a service TD",
  { report: { td15: { teeTcbSvn2: new Uint8Array(16), mrServiceTd: other } } },
  {},
  "TD_SERVICE_TD",
);
refuses("F9: a configuration id", { report: { mrConfigId: other } }, {}, "TD_CONFIG_ID");
refuses("F9: an owner", { report: { mrOwner: other } }, {}, "TD_OWNER");
refuses("F9: an owner's configuration", { report: { mrOwnerConfig: other } }, {}, "TD_OWNER");

for (const [name, ...codes] of [
  ["trustee-v4-debug", "TD_DEBUG"],
  ["trustee-v4-coco", "TD_CONFIG_ID"],
  ["google-gcp-cos113"],
  ["google-v5"],
  ["phala-v4-uptodate"],
] as const)
  test(`${name}: ${codes.join(", ") || "a trust domain as it should be"}`, (t) => {
    const files = vectors(t, `tdx/${name}.quote`);
    const parsed = files === undefined ? undefined : parseQuote(files[0]);
    if (parsed === undefined) return;
    assert.ok(parsed.ok);
    assert.deepEqual(
      reportFaults(parsed.value.report).map(({ code }) => code),
      codes,
    );
  });
