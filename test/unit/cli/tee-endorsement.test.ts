import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createTdxPki } from "../../../lab/tdx/pki.ts";
import { labTdReport } from "../../../lab/tdx/platform.ts";
import { writeQuote } from "../../../lab/tdx/quote-writer.ts";
import { runInProcess } from "../../support/command-line.ts";
import { endorsementOf, golden, mrtds, otherRoot, root } from "../../support/endorsements.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-endorsement-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
function write(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}
const mrtd = mrtds[0]!.toString("hex");
const zeros = "0".repeat(96);
const measurements = { mrtd, rtmr0: zeros, rtmr1: zeros, rtmr2: zeros, rtmr3: zeros };
const pki = createTdxPki({ now: new Date("2026-01-01T00:00:00Z") });
const quote = write("quote", writeQuote(pki, labTdReport(measurements, Buffer.alloc(64))));
const rootFile = write("root.crt", root.certificate);
const endorsement = write("endorsement", endorsementOf(golden()));
const run = (...args: readonly string[]) => runInProcess(["tee", "endorsement", ...args]);

test("fetches the endorsement of a quote's MRTD, and tells what Google says of it", async (t) => {
  const server = await startServer(t, ({ url }) =>
    url === `/ovmf_x64_csm/tdx/${mrtd}.binarypb` ? { status: 200, body: endorsementOf(golden()) } : { status: 404 },
  );
  const bucket = `http://${server.host}`;
  const found = await run("--quote", quote, "--root", rootFile, "--bucket", bucket);
  assert.equal(found.code, 0, found.stderr);
  assert.equal(
    found.stdout,
    `✓ MRTD ${mrtd} is endorsed for machines with 16 GiB\n  firmware ${"09".repeat(48)}, security version 7\n` +
      "  signed 2026-09-21T14:13:20.000Z, built from changelist 123456\n",
  );
  const absent = await run("--mrtd", zeros, "--root", rootFile, "--bucket", bucket);
  assert.equal(absent.code, 1);
  assert.match(absent.stderr, /\(code ENDORSEMENT_ABSENT\)\n$/);
});

test("shows the drift: what is endorsed, and what the machine has", async () => {
  const { code, stdout } = await run("--mrtd", zeros, "--root", rootFile, "--endorsement", endorsement);
  assert.equal(code, 1);
  assert.match(
    stdout,
    new RegExp(`^✗ MRTD ${zeros} is not endorsed\\n✗ ENDORSEMENT_OTHER_MRTD: .+${mrtd} \\(16 GiB\\)`),
  );
  const json = await run("--mrtd", zeros, "--root", rootFile, "--endorsement", endorsement, "--json");
  const { ok, faults } = JSON.parse(json.stdout) as { ok: boolean; faults: { code: string }[] };
  assert.deepEqual([ok, faults.map(({ code: one }) => one)], [false, ["ENDORSEMENT_OTHER_MRTD"]]);
});

const refused: Readonly<Record<string, readonly [code: string, exit: number, args: readonly string[]]>> = {
  "neither quote nor MRTD": ["TEE_SUBJECT_UNCLEAR", 2, ["--root", rootFile]],
  both: ["TEE_SUBJECT_UNCLEAR", 2, ["--quote", quote, "--mrtd", mrtd, "--root", rootFile]],
  "no root": ["OPTION_MISSING", 2, ["--mrtd", mrtd]],
  "a root that is not there": ["FILE_UNREADABLE", 2, ["--mrtd", mrtd, "--root", join(folder, "none")]],
  "a quote that is none": ["QUOTE_INVALID", 2, ["--quote", rootFile, "--root", rootFile]],
  "an MRTD that is none": ["MRTD_INVALID", 2, ["--mrtd", "ab", "--root", rootFile]],
  "an MRTD that is none, with a file": [
    "MRTD_INVALID",
    2,
    ["--mrtd", mrtd.toUpperCase().replaceAll("0", "A"), "--root", rootFile, "--endorsement", endorsement],
  ],
  "a bucket without TLS": [
    "ENDORSEMENT_URL_INVALID",
    2,
    ["--mrtd", mrtd, "--root", rootFile, "--bucket", "http://x.example"],
  ],
};
for (const [what, [code, exit, args]] of Object.entries(refused)) {
  test(`refuses ${what}`, async () => {
    const result = await run(...args);
    assert.match(result.stderr, new RegExp(`\\(code ${code}\\)\\n$`));
    assert.equal(result.code, exit);
    assert.equal(result.stdout, "");
  });
}

test("refuses an endorsement under another root", async () => {
  const other = write("other.crt", otherRoot.certificate);
  const { code, stdout } = await run("--mrtd", mrtd, "--root", other, "--endorsement", endorsement);
  assert.equal(code, 1);
  assert.match(stdout, /✗ ENDORSEMENT_CERTIFICATE: /);
});
