import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { acceptTd } from "../../../../src/core/tdx/td-policy.ts";
import { verifyQuote } from "../../../../src/core/tdx/verify-quote.ts";
import { intelTrust } from "../../../../src/core/tdx/intel-root.ts";
import { loadOrCreateTdxPki } from "../../../../lab/tdx/pki.ts";
import { simulatePlatform } from "../../../../lab/tdx/platform.ts";
import { codesOfVerdict, labPki, measurements, pkiWith, quoteOf } from "../../../support/quotes.ts";
import { vectors } from "../../../support/vectors.ts";

const start = new Date("2026-11-01T12:00:00Z");
const eventLog = Buffer.from("an event log");
const reportData = new Uint8Array(64).fill(9);

function scratch(t: { after: (act: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-tdx-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

for (const td of ["1.0", "1.5"] as const)
  test(`a simulated platform of TD ${td} gives quotes that verify under its own root only`, async () => {
    const platform = simulatePlatform({ pki: labPki, measurements, eventLog, now: () => start, td });
    const evidence = await platform.attest(reportData);
    assert.deepEqual(evidence.eventLog, eventLog);
    const collateral = await platform.collateralFor(evidence.quote);
    const verdict = verifyQuote(evidence.quote, collateral, { at: start, trust: platform.trust });
    assert.ok(verdict.ok);
    assert.deepEqual(verdict.quote.report.reportData, reportData);
    assert.equal(verdict.quote.report.rtmr1, measurements.rtmr1);
    assert.equal(verdict.quote.ppid, platform.ppid);
    const policy = { statuses: ["UpToDate"], advisoriesAllowed: [], minEvaluation: 20, platforms: [platform.ppid] };
    assert.deepEqual(acceptTd(verdict.quote, policy), { ok: true, value: { platform: "bound" } });
    const intel = verifyQuote(evidence.quote, collateral, { at: start, trust: intelTrust });
    assert.deepEqual([...new Set(codesOfVerdict(intel))], ["CERTIFICATE_ROOT"]);
  });

test("collateral stays the same for a day, and is renewed before it ends", async () => {
  let now = start;
  const platform = simulatePlatform({ pki: labPki, measurements, eventLog, now: () => now });
  const { quote } = await platform.attest(reportData);
  const first = await platform.collateralFor(quote);
  now = new Date(start.getTime() + 23 * 3600 * 1000);
  assert.equal(await platform.collateralFor(quote), first);
  now = new Date(start.getTime() + 40 * 24 * 3600 * 1000);
  const later = await platform.collateralFor(quote);
  assert.notEqual(later, first);
  assert.deepEqual(codesOfVerdict(verifyQuote(quote, later, { at: now, trust: platform.trust })), []);
});

test("refuses report data of another size, and quotes of other platforms", async (t) => {
  const platform = simulatePlatform({ pki: labPki, measurements, eventLog, now: () => start });
  await assert.rejects(platform.attest(new Uint8Array(48)), { code: "TSM_REPORT_DATA_SIZE" });
  await assert.rejects(platform.collateralFor(Buffer.from("no quote")), { code: "PCS_PLATFORM_UNKNOWN" });
  const other = pkiWith({ platform: { ...labPki.platform, fmspc: "00806f050000" } });
  await assert.rejects(platform.collateralFor(quoteOf({ pki: other })), { code: "PCS_PLATFORM_UNKNOWN" });
  const files = vectors(t, "tdx/phala-v4-uptodate.quote");
  if (files === undefined) return;
  await assert.rejects(platform.collateralFor(files[0]), { code: "PCS_PLATFORM_UNKNOWN" });
});

test("stops when it is asked to", async () => {
  const platform = simulatePlatform({ pki: labPki, measurements, eventLog, now: () => start });
  const signal = AbortSignal.abort();
  await assert.rejects(platform.attest(reportData, signal), { name: "AbortError" });
  await assert.rejects(platform.collateralFor(new Uint8Array(), signal), { name: "AbortError" });
});

test("the lab's platform is made once, with keys that nobody else reads, and is the same after a restart", async (t) => {
  const folder = scratch(t);
  mkdirSync(join(folder, "tdx.new.1"));
  const first = loadOrCreateTdxPki(folder, { now: start });
  const again = loadOrCreateTdxPki(folder, { now: new Date(start.getTime() + 1000) });
  assert.deepEqual(again.trust, first.trust);
  assert.deepEqual(readdirSync(folder), ["tdx"]);
  for (const file of readdirSync(join(folder, "tdx")).filter((name) => name.endsWith(".pem")))
    assert.equal(statSync(join(folder, "tdx", file)).mode & 0o777, 0o600, file);
  const before = simulatePlatform({ pki: first, measurements, eventLog, now: () => start });
  const after = simulatePlatform({ pki: again, measurements, eventLog, now: () => start });
  const { quote } = await before.attest(reportData);
  const collateral = await after.collateralFor(quote);
  assert.deepEqual(codesOfVerdict(verifyQuote(quote, collateral, { at: start, trust: after.trust })), []);
});
