import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { readChain, chainShapes } from "../../../../src/core/tdx/certificate-chain.ts";
import { readCollateralFile } from "../../../../src/core/tdx/collateral.ts";
import type { Collateral, QuoteVerdict } from "../../../../src/core/tdx/contract.ts";
import { intelTrust } from "../../../../src/core/tdx/intel-root.ts";
import { readPlatformData } from "../../../../src/core/tdx/pck-certificate.ts";
import { qeIdentityKind } from "../../../../src/core/tdx/qe-identity.ts";
import { parseQuote } from "../../../../src/core/tdx/quote.ts";
import { listTimeFaults, readRevocationList } from "../../../../src/core/tdx/revocation-list.ts";
import { readStatement } from "../../../../src/core/tdx/signed-statement.ts";
import { tcbInfoKind } from "../../../../src/core/tdx/tcb-info.ts";
import { judgeTcb, moduleFaults } from "../../../../src/core/tdx/tcb-level.ts";
import { verifyQuote } from "../../../../src/core/tdx/verify-quote.ts";
import { vectors } from "../../../support/vectors.ts";
import { codesOfJudged, codesOfVerdict } from "../../../support/quotes.ts";

/** Real quotes and collateral, against the pinned root of Intel: each gives what the vectors' table says. */

function verify(quote: Uint8Array, collateral: Collateral, at: string): QuoteVerdict {
  return verifyQuote(quote, collateral, { at: new Date(at), trust: intelTrust });
}

/** TCB info or QE identity out of the PCS's answer: `{"name":<exact text>,"signature":"<hex>"}`. */
function signedPart(answer: Buffer, name: string): { readonly text: string; readonly signature: Buffer } {
  const whole = answer.toString("utf8").trim();
  const { signature } = JSON.parse(whole) as { signature: string };
  const start = whole.indexOf(`"${name}":`) + name.length + 3;
  const text = whole.slice(start, whole.lastIndexOf(',"signature"'));
  return { text, signature: Buffer.from(signature, "hex") };
}

/** A quote of platform A under platform B's collateral: no fault but that, so each signature of the quote holds. */
function holdsButForThePlatform(t: TestContext, name: string, at: string, collateralName: string): void {
  const files = vectors(t, `tdx/${name}.quote`, `tdx/${collateralName}.collateral.json`);
  if (files === undefined) return;
  const verdict = verify(files[0], readCollateralFile(files[1]), at);
  assert.deepEqual(codesOfVerdict(verdict), ["COLLATERAL_OTHER_PLATFORM"]);
}

test("phala-v4-uptodate is UpToDate inside its collateral's window", (t) => {
  const files = vectors(t, "tdx/phala-v4-uptodate.quote", "tdx/phala-v4-uptodate.collateral.json");
  if (files === undefined) return;
  const verdict = verify(files[0], readCollateralFile(files[1]), "2025-06-25T00:00:00Z");
  assert.ok(verdict.ok);
  const { quote } = verdict;
  assert.deepEqual(
    { ...quote, report: undefined },
    {
      version: 4,
      report: undefined,
      ppid: "811dca2a26b952e85bb6448b097ba4fd",
      fmspc: "b0c06f000000",
      pceId: "0000",
      tcb: { status: "UpToDate", date: new Date("2024-03-13T00:00:00Z"), advisories: [], evaluation: 17 },
      expires: new Date("2025-07-19T10:00:35Z"),
    },
  );
  assert.equal(quote.report.tdAttributes, "0000001000000000");
});

test("phala-v4-uptodate is refused before and after the window, by each part that is not valid", (t) => {
  const files = vectors(t, "tdx/phala-v4-uptodate.quote", "tdx/phala-v4-uptodate.collateral.json");
  if (files === undefined) return;
  const collateral = readCollateralFile(files[1]);
  const ends = verify(files[0], collateral, "2025-07-19T10:00:35Z");
  assert.deepEqual(codesOfVerdict(ends), [], "the window's end belongs to it");
  assert.deepEqual(codesOfVerdict(verify(files[0], collateral, "2025-07-19T10:00:36Z")), ["COLLATERAL_CRL_EXPIRED"]);
  assert.deepEqual(codesOfVerdict(verify(files[0], collateral, "2025-08-01T00:00:00Z")), [
    "COLLATERAL_CRL_EXPIRED",
    "COLLATERAL_EXPIRED",
    "COLLATERAL_EXPIRED",
  ]);
  assert.deepEqual(codesOfVerdict(verify(files[0], collateral, "2025-06-01T00:00:00Z")), [
    "COLLATERAL_CRL_NOT_YET",
    "COLLATERAL_NOT_YET",
    "COLLATERAL_NOT_YET",
  ]);
});

test("phala-v5-nolevel has signatures that hold, and no TCB level", (t) => {
  const files = vectors(t, "tdx/phala-v5-nolevel.quote", "tdx/phala-v5-nolevel.collateral.json");
  if (files === undefined) return;
  const verdict = verify(files[0], readCollateralFile(files[1]), "2026-02-20T00:00:00Z");
  assert.deepEqual(codesOfVerdict(verdict), ["TCB_LEVEL_NONE"]);
});

test("google-v5 is UpToDate by its TCB info, with lists and QE identity of the same platform family", (t) => {
  const files = vectors(t, "tdx/google-v5.quote", "tdx/google-v5.tcbinfo.json", "tdx/phala-v5-nolevel.collateral.json");
  if (files === undefined) return;
  const { text, signature } = signedPart(files[1], "tcbInfo");
  const collateral = { ...readCollateralFile(files[2]), tcbInfo: text, tcbInfoSignature: signature };
  const verdict = verify(files[0], collateral, "2026-02-20T00:00:00Z");
  assert.ok(verdict.ok);
  assert.equal(verdict.quote.tcb.status, "UpToDate");
  assert.equal(verdict.quote.version, 5);
  assert.notEqual(verdict.quote.report.td15, undefined);
});

test("google-gcp-cos113 is padded to 8,000 bytes, and its signatures hold", (t) => {
  holdsButForThePlatform(t, "google-gcp-cos113", "2025-06-25T00:00:00Z", "phala-v4-uptodate");
  const files = vectors(t, "tdx/google-gcp-cos113.quote");
  if (files === undefined) return;
  const parsed = parseQuote(files[0]);
  assert.ok(parsed.ok);
  assert.deepEqual([parsed.value.length, parsed.value.trailing], [4935, 3065]);
});

test("trustee-v4-debug has signatures that hold, and debugging on", (t) => {
  holdsButForThePlatform(t, "trustee-v4-debug", "2025-06-25T00:00:00Z", "phala-v4-uptodate");
  const files = vectors(t, "tdx/trustee-v4-debug.quote");
  if (files === undefined) return;
  const parsed = parseQuote(files[0]);
  assert.ok(parsed.ok);
  assert.equal(parsed.value.report.tdAttributes, "0100001000000000");
});

test("trustee-v4-coco is OutOfDate by its own TCB info and QE identity; without a list of its time it is refused", (t) => {
  const files = vectors(
    t,
    "tdx/trustee-v4-coco.quote",
    "tdx/trustee-v4-coco.tcbinfo.json",
    "tdx/trustee-v4-coco.qeidentity.json",
    "tdx/phala-v4-uptodate.collateral.json",
  );
  if (files === undefined) return;
  const at = "2025-11-01T00:00:00Z";
  const info = signedPart(files[1], "tcbInfo");
  const identity = signedPart(files[2], "enclaveIdentity");
  const base = readCollateralFile(files[3]);
  const collateral: Collateral = {
    ...base,
    tcbInfo: info.text,
    tcbInfoSignature: info.signature,
    qeIdentity: identity.text,
    qeIdentitySignature: identity.signature,
  };
  assert.deepEqual(codesOfVerdict(verify(files[0], collateral, at)), ["COLLATERAL_CRL_EXPIRED"]);

  const parsed = parseQuote(files[0]);
  const signer = readChain(Buffer.from(base.tcbInfoIssuerChain), chainShapes.tcbSigning, "signer", intelTrust);
  assert.ok(parsed.ok && signer.ok);
  const pck = readChain(parsed.value.certificates, chainShapes.pck, "PCK", intelTrust);
  assert.ok(pck.ok);
  const platform = readPlatformData(pck.value.leaf, "PCK");
  const readInfo = readStatement(tcbInfoKind, Buffer.from(info.text), info.signature, signer.value);
  const readIdentity = readStatement(qeIdentityKind, Buffer.from(identity.text), identity.signature, signer.value);
  assert.ok(platform.ok && readInfo.ok && readIdentity.ok);
  const { report, qe } = parsed.value;
  assert.deepEqual(moduleFaults(report, readInfo.value), []);
  const tcb = judgeTcb(report, qe.svn, platform.value, readInfo.value, readIdentity.value);
  assert.ok(tcb.ok);
  assert.equal(tcb.value.status, "OutOfDate");
});

test("the lists of 2023 are Intel's, and of their time", (t) => {
  const files = vectors(
    t,
    "tdx/google-2023.pck.crl",
    "tdx/google-2023.root.crl.der",
    "tdx/phala-v4-uptodate.collateral.json",
  );
  if (files === undefined) return;
  const base = readCollateralFile(files[2]);
  const chain = readChain(Buffer.from(base.pckCrlIssuerChain), chainShapes.pckCa, "PCK CA", intelTrust);
  assert.ok(chain.ok);
  const { leaf, root } = chain.value;
  const pck = readRevocationList(files[0], leaf, "PCK CRL");
  const rootList = readRevocationList(files[1], root, "root CRL");
  assert.ok(pck.ok && rootList.ok);
  assert.ok(pck.value.revoked.size > 10);
  assert.deepEqual(listTimeFaults(pck.value, new Date("2023-06-25T00:00:00Z")), []);
  for (const list of [pck.value, rootList.value]) {
    const [late] = listTimeFaults(list, new Date("2025-06-25T00:00:00Z"));
    assert.equal(late?.code, "COLLATERAL_CRL_EXPIRED");
  }
  assert.deepEqual(codesOfJudged(readRevocationList(files[0], root, "root CRL")), ["COLLATERAL_CRL_ISSUER"]);
});
