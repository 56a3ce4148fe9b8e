import assert from "node:assert/strict";
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeCollateral } from "../../../../lab/tdx/collateral-writer.ts";
import type { PcsAnswer } from "../../../../lab/tdx/pcs-server.ts";
import { createTdxPki } from "../../../../lab/tdx/pki.ts";
import { labTdReport } from "../../../../lab/tdx/platform.ts";
import { writeQuote } from "../../../../lab/tdx/quote-writer.ts";
import { intelAddresses, requireAddress } from "../../../../src/adapters/intel-pcs/fetch-collateral.ts";
import { createPcsSource } from "../../../../src/adapters/intel-pcs/pcs-source.ts";
import { readCollateralFile, toCollateralFile } from "../../../../src/core/tdx/collateral.ts";
import { identifyPlatform } from "../../../../src/core/tdx/identify-platform.ts";
import { intelTrust } from "../../../../src/core/tdx/intel-root.ts";
import { codeThrown, failureCodeOf, failureFrom } from "../../../support/failures.ts";
import { after, assertSame, day, issued, measurements, pcsRig, pki, platform, quote } from "../../../support/pcs.ts";
import { vectors } from "../../../support/vectors.ts";

test("gives what the service has for the quote's platform, asked as Intel's is", async (t) => {
  const { source, server, state } = await pcsRig(t);
  assertSame(await source.collateralFor(quote), state.collateral);
  assert.deepEqual([...server.asked].sort(), [
    "/IntelSGXRootCA.der",
    "/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
    `/tdx/certification/v4/qe/identity?update=standard`,
    `/tdx/certification/v4/tcb?fmspc=${platform.fmspc}&update=standard`,
  ]);
});

test("gives Intel's own collateral as it was, byte for byte", async (t) => {
  const files = vectors(t, "tdx/phala-v4-uptodate.quote", "tdx/phala-v4-uptodate.collateral.json");
  if (files === undefined) return;
  const collateral = readCollateralFile(files[1]);
  const own = identifyPlatform(files[0], intelTrust);
  assert.ok(own.ok);
  const real = { platform: own.value, collateral: () => collateral, trust: intelTrust };
  const { source, state } = await pcsRig(t, { ...real, now: () => new Date("2025-07-01T00:00:00Z") });
  assert.notEqual(collateral.tcbInfo, state.collateral.tcbInfo);
  assertSame(await source.collateralFor(files[0]), collateral);
});

test("asks again after a day, not before, and not in another process either", async (t) => {
  const { source, server, state, cache } = await pcsRig(t);
  await source.collateralOf(platform);
  state.now = new Date(after(2).getTime() - 1);
  const other = createPcsSource({
    addresses: server.addresses,
    update: "standard",
    trust: pki.trust,
    cache,
    now: () => state.now,
  });
  await other.collateralOf(platform);
  assert.equal(server.asked.length, 4);
  state.now = after(2);
  await source.collateralOf(platform);
  assert.equal(server.asked.length, 8);
  const [file] = readdirSync(join(cache, "intel-pcs"));
  assert.equal(statSync(join(cache, "intel-pcs", file!)).mode & 0o777, 0o600);
});

test("asks again when the clock was set back, or what was kept is not valid any more", async (t) => {
  const { source, server, state } = await pcsRig(t, { refreshMilliseconds: 1000 * day });
  state.now = after(3);
  await source.collateralOf(platform);
  state.now = after(2);
  await source.collateralOf(platform);
  assert.equal(server.asked.length, 8);
  state.now = after(31);
  state.collateral = issued(30);
  assertSame(await source.collateralOf(platform), state.collateral);
});

test("without the service, what was kept is given as long as it is valid", async (t) => {
  const { source, state } = await pcsRig(t);
  const first = await source.collateralOf(platform);
  state.change = (answer) => ({ ...answer, status: 503 });
  state.now = after(20);
  assertSame(await source.collateralOf(platform), first);
  state.now = after(31);
  assert.equal(await failureCodeOf(source.collateralOf(platform)), "PCS_UNAVAILABLE");
});

test("channels and platforms don't share what is kept", async (t) => {
  const { source, server, state, cache } = await pcsRig(t);
  await source.collateralOf(platform);
  const early = createPcsSource({
    addresses: server.addresses,
    update: "early",
    trust: pki.trust,
    cache,
    now: () => state.now,
  });
  await early.collateralOf(platform);
  assert.ok(server.asked.includes(`/tdx/certification/v4/tcb?fmspc=${platform.fmspc}&update=early`));
  assert.equal(readdirSync(join(cache, "intel-pcs")).length, 2);
});

type Change = (answer: PcsAnswer) => PcsAnswer;
const on =
  (part: string, change: Change): Change =>
  (answer) =>
    answer.path.includes(part) ? change(answer) : answer;
const status =
  (code: number): Change =>
  (answer) => ({ ...answer, status: code });
const body =
  (bytes: string | Uint8Array): Change =>
  (answer) => ({ ...answer, body: Buffer.from(bytes) });
const header =
  (value: string | undefined): Change =>
  (answer) => ({
    ...answer,
    headers:
      value === undefined ? {} : Object.fromEntries(Object.keys(answer.headers).map((name) => [name, value] as const)),
  });
const spaced: Change = (answer) => ({
  ...answer,
  body: Buffer.from(Buffer.from(answer.body).toString().replace('"version":3', '"version": 3')),
});
const refused: Readonly<Record<string, readonly [string, Change]>> = {
  "a platform that it does not know": ["PCS_PLATFORM_UNKNOWN", on("/tcb?", status(404))],
  "a service that fails": ["PCS_UNAVAILABLE", status(500)],
  "a service that throttles": ["PCS_UNAVAILABLE", status(429)],
  "a service that wants a key": ["PCS_UNAVAILABLE", on("pckcrl", status(401))],
  "a redirect": [
    "PCS_UNAVAILABLE",
    on("identity", (answer) => ({ ...answer, status: 302, headers: { location: "/" } })),
  ],
  "a missing identity": ["PCS_UNAVAILABLE", on("identity", status(404))],
  "a huge statement": ["PCS_UNAVAILABLE", on("/tcb?", body(Buffer.alloc(600 * 1024, 0x20)))],
  "a huge list": ["PCS_UNAVAILABLE", on("RootCA", body(Buffer.alloc(1024 * 1024 + 1)))],
  "a page in place of a statement": ["PCS_ANSWER_INVALID", on("/tcb?", body("<html>sign in</html>"))],
  "a statement without issuer chain": ["PCS_ANSWER_INVALID", on("/tcb?", header(undefined))],
  "a chain that is not URL-encoded": ["PCS_ANSWER_INVALID", on("identity", header("%zz"))],
  "a chain that is none": ["PCS_COLLATERAL_REFUSED", on("identity", header("x"))],
  "a statement that was written anew": ["PCS_COLLATERAL_REFUSED", on("/tcb?", spaced)],
  "an empty list": ["PCS_COLLATERAL_REFUSED", on("pckcrl", body(""))],
  "garbage for a list": ["PCS_COLLATERAL_REFUSED", on("RootCA", body("garbage"))],
};
for (const [what, [code, change]] of Object.entries(refused)) {
  test(`refuses ${what}, and keeps nothing`, async (t) => {
    const { source, state, cache } = await pcsRig(t);
    state.change = change;
    assert.equal(await failureCodeOf(source.collateralOf(platform)), code);
    assert.deepEqual(readdirSync(cache), []);
  });
}

test("refuses collateral that is not in its time, and collateral under another root", async (t) => {
  const { source, state } = await pcsRig(t);
  for (const [from, to] of [
    [-40, -1],
    [2, 30],
  ] as const) {
    state.collateral = writeCollateral(pki, { issued: after(from), nextUpdate: after(to) });
    assert.equal(await failureCodeOf(source.collateralOf(platform)), "PCS_COLLATERAL_REFUSED");
  }
  const other = createTdxPki({ now: new Date("2026-01-01T00:00:00Z") });
  state.collateral = writeCollateral(other, { issued: after(0), nextUpdate: after(30) });
  assert.equal(await failureCodeOf(source.collateralOf(platform)), "PCS_COLLATERAL_REFUSED");
});

test("refuses the collateral of another platform than was asked for", async (t) => {
  const { source, state } = await pcsRig(t, { collateral: () => state.collateral });
  assert.equal(
    await failureCodeOf(source.collateralOf({ ...platform, fmspc: "0".repeat(12) })),
    "PCS_COLLATERAL_REFUSED",
  );
  for (const fmspc of ["", "00", "../../../../", "00806F050000"])
    assert.equal(await failureCodeOf(source.collateralOf({ ...platform, fmspc })), "PCS_PLATFORM_UNKNOWN");
});

test("refuses a quote that names no platform under this root, without asking anybody", async (t) => {
  const { source, server } = await pcsRig(t);
  const other = createTdxPki({ now: new Date("2026-01-01T00:00:00Z") });
  const whole = /^Give the bytes that configfs-tsm wrote to outblob, whole\.$/;
  const sgx = Uint8Array.from(quote);
  sgx[0] = 3;
  for (const [bytes, told] of [
    [new Uint8Array(), whole],
    [quote.subarray(0, 1000), whole],
    [quote.subarray(0, quote.length - 1), whole],
    [sgx, /^Make the quote in a TDX guest\.$/],
    [
      writeQuote(other, labTdReport(measurements, Buffer.alloc(64))),
      /^Give a TDX quote whose certificate chain ends at/,
    ],
  ] as const) {
    const { code, remedy } = await failureFrom(source.collateralFor(bytes));
    assert.equal(code, "PCS_QUOTE_INVALID");
    assert.match(remedy, told);
  }
  assert.deepEqual(server.asked, []);
});

test("refuses a kept file that is damaged: it would forget what was the newest", async (t) => {
  const { source, cache } = await pcsRig(t);
  await source.collateralOf(platform);
  const [name] = readdirSync(join(cache, "intel-pcs"));
  for (const content of ["", "{}", '{"schema":1,"fetched":"x","collateral":{}}']) {
    writeFileSync(join(cache, "intel-pcs", name!), content);
    assert.equal(await failureCodeOf(source.collateralOf(platform)), "PCS_CACHE_INVALID");
  }
});

test("what can't be kept is a failure, not a bug: a rollback would go unseen", async (t) => {
  const { server, state, cache } = await pcsRig(t);
  // A link that leads nowhere: nothing is there to read, and nothing can be made.
  symlinkSync(join(cache, "nowhere", "at", "all"), join(cache, "link"));
  mkdirSync(join(cache, "intel-pcs"), { mode: 0o755 });
  const settings = { addresses: server.addresses, update: "standard", trust: pki.trust, now: () => state.now } as const;
  const full = createPcsSource({ ...settings, cache: join(cache, "link") });
  const open = createPcsSource({ ...settings, cache });
  assert.equal(await failureCodeOf(open.collateralOf(platform)), "FOLDER_NOT_PRIVATE");
  assert.equal(await failureCodeOf(full.collateralOf(platform)), "PCS_CACHE_UNWRITABLE");
});

test("what is kept counts for nothing without its signatures", async (t) => {
  const { source, state, cache } = await pcsRig(t);
  await source.collateralOf(platform);
  const [name] = readdirSync(join(cache, "intel-pcs"));
  const file = join(cache, "intel-pcs", name!);
  const hex = (text: string) => Buffer.from(text).toString("hex");
  const forged = issued(0, {
    tcbInfoText: (text) => text.replace('"tcbEvaluationDataNumber":20', '"tcbEvaluationDataNumber":99'),
  });
  const broken = { ...toCollateralFile(forged), tcb_info_signature: hex("x".repeat(64)) };
  writeFileSync(file, JSON.stringify({ schema: 1, fetched: state.now.toISOString(), collateral: broken }));
  assertSame(await source.collateralOf(platform), state.collateral);
});

test("takes https, and http on loopback alone", () => {
  for (const address of [intelAddresses.api, intelAddresses.rootCrl, "http://127.0.0.1:1", "http://localhost:1/pcs/"])
    assert.ok(!requireAddress(address).endsWith("/"));
  for (const address of [
    "",
    "x",
    "http://pcs.example",
    "https://a:b@pcs.example",
    "https://pcs.example?x=1",
    "ftp://pcs.example",
  ])
    assert.equal(
      codeThrown(() => requireAddress(address), "accepted"),
      "PCS_URL_INVALID",
    );
});

test("ends with the caller's signal", async (t) => {
  const { source } = await pcsRig(t);
  await assert.rejects(source.collateralOf(platform, AbortSignal.abort(new Error("told to end"))), {
    message: "told to end",
  });
});
