import assert from "node:assert/strict";
import { test } from "node:test";
import { fromCollateralFile, readCollateralFile, toCollateralFile } from "../../../../src/core/tdx/collateral.ts";
import { newTdxKeys, pemChain } from "../../../../lab/tdx/pki.ts";
import { verifyQuote } from "../../../../src/core/tdx/verify-quote.ts";
import { vectors } from "../../../support/vectors.ts";
import {
  codesOfCase,
  collateralOf,
  issuedAt,
  labPki,
  nextUpdate,
  pkiWith,
  verifiedAt,
} from "../../../support/quotes.ts";
import { codesOfVerdict, quoteOf, verifyCase } from "../../../support/quotes.ts";
import type { QuoteCase } from "../../../support/quotes.ts";
import { caseName } from "../../../support/case-name.ts";

/** What Intel says of platforms: by whom, about what, when, and in which bytes. */

function refuses(name: string, one: QuoteCase, ...codes: readonly string[]): void {
  test(caseName("refuses", name), () => {
    assert.deepEqual(codesOfCase(one), codes);
  });
}

const second = 1000;
const info = (change: Record<string, unknown>): QuoteCase => ({
  collateral: { tcbInfo: (d) => ({ ...d, ...change }) },
});
const identity = (change: Record<string, unknown>): QuoteCase => ({
  collateral: { qeIdentity: (d) => ({ ...d, ...change }) },
});
const good = collateralOf();

test("accepts collateral from the second of its issue to the second at which the next is due", () => {
  assert.deepEqual(codesOfCase({ at: issuedAt }), []);
  assert.deepEqual(codesOfCase({ at: nextUpdate }), []);
});
const lists = ["COLLATERAL_CRL_EXPIRED", "COLLATERAL_CRL_EXPIRED"];
const early = ["COLLATERAL_CRL_NOT_YET", "COLLATERAL_CRL_NOT_YET", "COLLATERAL_NOT_YET", "COLLATERAL_NOT_YET"];
refuses(
  "D7: collateral a second later",
  { at: new Date(nextUpdate.getTime() + second) },
  ...lists,
  "COLLATERAL_EXPIRED",
  "COLLATERAL_EXPIRED",
);
refuses("collateral a second earlier", { at: new Date(issuedAt.getTime() - second) }, ...early);
refuses(
  "D12: a clock that is an hour behind the issue",
  { at: new Date(issuedAt.getTime() - 3600 * second) },
  ...early,
);
refuses(
  "D12: a time that is none",
  { at: new Date(NaN) },
  "CERTIFICATE_NOT_YET",
  "CERTIFICATE_NOT_YET",
  "CERTIFICATE_NOT_YET",
  "CERTIFICATE_NOT_YET",
  "CERTIFICATE_NOT_YET",
  "COLLATERAL_CRL_NOT_YET",
  "COLLATERAL_CRL_NOT_YET",
  "CERTIFICATE_NOT_YET",
  "CERTIFICATE_NOT_YET",
  "COLLATERAL_NOT_YET",
  "CERTIFICATE_NOT_YET",
  "CERTIFICATE_NOT_YET",
  "COLLATERAL_NOT_YET",
);

test("expires with the part that ends first", () => {
  const verdict = verifyCase({ collateral: { pckCrl: { nextUpdate: new Date(verifiedAt.getTime() + 60 * second) } } });
  assert.ok(verdict.ok);
  assert.deepEqual(verdict.quote.expires, new Date(verifiedAt.getTime() + 60 * second));
});

refuses("D6: TCB info of the future", info({ issueDate: "2026-11-11T00:00:00Z" }), "COLLATERAL_NOT_YET");
refuses("D5: TCB info whose successor was due", info({ nextUpdate: "2026-11-10T11:59:59Z" }), "COLLATERAL_EXPIRED");
refuses("D6: QE identity of the future", identity({ issueDate: "2026-11-11T00:00:00Z" }), "COLLATERAL_NOT_YET");
refuses(
  "D5: QE identity whose successor was due",
  identity({ nextUpdate: "2026-11-10T11:59:59Z" }),
  "COLLATERAL_EXPIRED",
);

refuses("D1: TCB info of another platform", info({ fmspc: "00806F050000" }), "COLLATERAL_OTHER_PLATFORM");
refuses("D2: TCB info of another PCE", info({ pceId: "0001" }), "COLLATERAL_OTHER_PCE");
refuses("D3: TCB info of SGX", info({ id: "SGX" }), "COLLATERAL_KIND");
refuses("D4: TCB info of version 2", info({ version: 2 }), "COLLATERAL_VERSION");
refuses("TCB info of a version to come", info({ version: 4 }), "COLLATERAL_VERSION");
refuses("a way to compare that is not defined", info({ tcbType: 1 }), "COLLATERAL_INVALID");
refuses("D3: QE identity of SGX's quoting enclave", identity({ id: "QE" }), "COLLATERAL_KIND");
refuses("QE identity of the verification enclave", identity({ id: "QVE" }), "COLLATERAL_KIND");
refuses("D4: QE identity of version 1", identity({ version: 1 }), "COLLATERAL_VERSION");
refuses("QE identity of version 3", identity({ version: 3 }), "COLLATERAL_VERSION");
refuses(
  "TCB info in the place of QE identity",
  { parts: { qeIdentity: good.tcbInfo, qeIdentitySignature: good.tcbInfoSignature } },
  "COLLATERAL_KIND",
);

refuses("TCB info without levels", info({ tcbLevels: [] }), "COLLATERAL_INVALID");
refuses(
  "TCB info without a number of its evaluation",
  info({ tcbEvaluationDataNumber: undefined }),
  "COLLATERAL_INVALID",
);
refuses("a time that does not exist", info({ issueDate: "2026-02-30T00:00:00Z" }), "COLLATERAL_INVALID");
refuses("a time with an offset", info({ issueDate: "2026-11-01T12:00:00+00:00" }), "COLLATERAL_INVALID");
refuses("a status that is not known", info({ tcbLevels: [{ tcb: {}, tcbStatus: "Fine" }] }), "COLLATERAL_INVALID");
refuses("QE identity with a mask of another size", identity({ attributesMask: "FF" }), "COLLATERAL_INVALID");
refuses("TCB info that is no object", { collateral: { tcbInfoText: () => "[]" } }, "COLLATERAL_INVALID");
refuses("TCB info that is no JSON", { collateral: { tcbInfoText: (text) => text.slice(1) } }, "COLLATERAL_INVALID");
for (const key of ["fmspc", "tcbEvaluationDataNumber", "nextUpdate"])
  refuses(
    `D11: signed TCB info with ${key} twice`,
    {
      collateral: {
        tcbInfoText: (text) => text.replace("{", `{"${key}":${key === "fmspc" ? '"000000000000"' : "1"},`),
      },
    },
    "COLLATERAL_INVALID",
  );
test("leaves alone what Intel adds within a version", () => {
  assert.deepEqual(codesOfCase(info({ news: { a: [1] } })), []);
});

// exact bytes
const parsedAgain = JSON.stringify(JSON.parse(good.tcbInfo), undefined, 1);
refuses("D9: TCB info that was parsed and written again", { parts: { tcbInfo: parsedAgain } }, "COLLATERAL_SIGNATURE");
refuses("TCB info with a byte more", { parts: { tcbInfo: `${good.tcbInfo}\n` } }, "COLLATERAL_SIGNATURE");
refuses("TCB info with a byte order mark", { parts: { tcbInfo: `\ufeff${good.tcbInfo}` } }, "COLLATERAL_SIGNATURE");
refuses(
  "TCB info with another status",
  { parts: { tcbInfo: good.tcbInfo.replace("OutOfDate", "UpToDate") } },
  "COLLATERAL_SIGNATURE",
);
refuses(
  "I3: QE identity with another SVN",
  { parts: { qeIdentity: good.qeIdentity.replace('"isvsvn":4', '"isvsvn":0') } },
  "COLLATERAL_SIGNATURE",
);
refuses(
  "signatures exchanged",
  { parts: { tcbInfoSignature: good.qeIdentitySignature, qeIdentitySignature: good.tcbInfoSignature } },
  "COLLATERAL_SIGNATURE",
  "COLLATERAL_SIGNATURE",
);
refuses("no signature", { parts: { tcbInfoSignature: new Uint8Array() } }, "COLLATERAL_SIGNATURE");
refuses("a signature of zeros", { parts: { tcbInfoSignature: new Uint8Array(64) } }, "COLLATERAL_SIGNATURE");
refuses("a signature of 65 bytes", { parts: { tcbInfoSignature: new Uint8Array(65) } }, "COLLATERAL_TOO_LARGE");
refuses(
  "TCB info of more than half a mebibyte",
  { parts: { tcbInfo: " ".repeat(512 * 1024 + 1) } },
  "COLLATERAL_TOO_LARGE",
);
refuses("a chain of more than 32 KiB", { parts: { tcbInfoIssuerChain: "\n".repeat(33_000) } }, "COLLATERAL_TOO_LARGE");

// who signed
refuses(
  "TCB info signed under the platform's authority",
  { parts: { tcbInfoIssuerChain: pemChain(labPki.platformCa, labPki.root) } },
  "CERTIFICATE_NAME",
  "CERTIFICATE_USAGE",
);
refuses(
  "a signer's chain of one",
  { parts: { tcbInfoIssuerChain: pemChain(labPki.tcbSigning) } },
  "CERTIFICATE_CHAIN_LENGTH",
);
refuses("a signer's chain that is empty", { parts: { qeIdentityIssuerChain: "" } }, "CERTIFICATE_CHAIN_LENGTH");
refuses("a signer's chain that is no PEM", { parts: { qeIdentityIssuerChain: "garbage" } }, "CERTIFICATE_CHAIN_FORM");
const oldSigner = pkiWith({ change: { tcbSigning: (r) => ({ ...r, notAfter: new Date("2026-11-09T00:00:00Z") }) } });
refuses(
  "a signer that has expired",
  { parts: { tcbInfoIssuerChain: pemChain(oldSigner.tcbSigning, labPki.root) } },
  "CERTIFICATE_EXPIRED",
);

// roll-back: the verdict names the older of both numbers, for the policy's floor
test("D10: names the older evaluation where TCB info and QE identity are of different ones", () => {
  const number = (one: QuoteCase): number | undefined => {
    const verdict = verifyCase(one);
    return verdict.ok ? verdict.quote.tcb.evaluation : undefined;
  };
  assert.deepEqual(
    [number({}), number(info({ tcbEvaluationDataNumber: 19 })), number(identity({ tcbEvaluationDataNumber: 18 }))],
    [20, 19, 18],
  );
});

test("gives the same verdict again for collateral that it remembers, and another one for other bytes", () => {
  const parts = { tcbInfo: good.tcbInfo.replace("UpToDate", "Revoked") };
  assert.deepEqual(codesOfCase({ parts: good }), []);
  assert.deepEqual(codesOfCase({ parts: { ...good, ...parts } }), ["COLLATERAL_SIGNATURE"]);
  assert.deepEqual(codesOfCase({ parts: good }), []);
  assert.deepEqual(
    codesOfCase({ parts: good, at: new Date(nextUpdate.getTime() + second) }).length,
    4,
    "windows are not remembered",
  );
});

test("does not remember under one root what was true under another", () => {
  const { trust } = pkiWith({ keys: newTdxKeys() });
  assert.deepEqual(codesOfCase({ parts: good }), []);
  assert.deepEqual(
    codesOfVerdict(verifyQuote(quoteOf(), good, { at: verifiedAt, trust })),
    Array.from({ length: 4 }, () => "CERTIFICATE_ROOT"),
    "the chains of the PCK, its list, TCB info and QE identity",
  );
});

test("writes a collateral file that reads back as the same", () => {
  const file = toCollateralFile(good);
  const again = readCollateralFile(Buffer.from(JSON.stringify(file)));
  assert.deepEqual(toCollateralFile(again), file);
  assert.deepEqual(toCollateralFile(fromCollateralFile(file)), file);
});

test("reads the files of dcap-qvl", (t) => {
  const files = vectors(t, "tdx/phala-v4-uptodate.collateral.json");
  if (files === undefined) return;
  const read = readCollateralFile(files[0]);
  assert.equal(read.tcbInfoSignature.length, 64);
  assert.deepEqual(toCollateralFile(read), JSON.parse(files[0].toString("utf8")));
});

for (const [name, text] of Object.entries({
  "no JSON": "x",
  "a list": "[]",
  "no member": "{}",
  "a member too many": JSON.stringify({ ...toCollateralFile(good), extra: 1 }),
  "half a byte": JSON.stringify({ ...toCollateralFile(good), pck_crl: "abc" }),
  "a key twice": JSON.stringify(toCollateralFile(good)).replace("{", '{"tcb_info":"",'),
}))
  test(`refuses a collateral file with ${name}`, () => {
    assert.throws(() => readCollateralFile(Buffer.from(text)), { code: "COLLATERAL_FILE_INVALID", kind: "usage" });
  });
