import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { sha256Hex } from "../../../src/core/oci/digest.ts";
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
const pin = ["--root-sha256", sha256Hex(root.certificate)];
const run = (...args: readonly string[]) => runInProcess(["tee", "endorsement", ...args]);

test("fetches the endorsement of a quote's MRTD, and tells what Google says of it", async (t) => {
  const server = await startServer(t, ({ url }) =>
    url === `/ovmf_x64_csm/tdx/${mrtd}.binarypb` ? { status: 200, body: endorsementOf(golden()) } : { status: 404 },
  );
  const bucket = `http://${server.host}`;
  const found = await run("--quote", quote, "--root", rootFile, ...pin, "--bucket", bucket);
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
  const { code, stdout } = await run("--mrtd", zeros, "--root", rootFile, ...pin, "--endorsement", endorsement);
  assert.equal(code, 1);
  assert.match(
    stdout,
    new RegExp(`^✗ MRTD ${zeros} is not endorsed\\n✗ ENDORSEMENT_OTHER_MRTD: .+${mrtd} \\(16 GiB\\)`),
  );
  const json = await run("--mrtd", zeros, "--root", rootFile, ...pin, "--endorsement", endorsement, "--json");
  const { ok, faults } = JSON.parse(json.stdout) as { ok: boolean; faults: { code: string }[] };
  assert.deepEqual([ok, faults.map(({ code: one }) => one)], [false, ["ENDORSEMENT_OTHER_MRTD"]]);
});

const refused: Readonly<Record<string, readonly [code: string, exit: number, args: readonly string[]]>> = {
  "neither quote nor MRTD": ["TEE_SUBJECT_UNCLEAR", 2, ["--root", rootFile]],
  both: ["TEE_SUBJECT_UNCLEAR", 2, ["--quote", quote, "--mrtd", mrtd, "--root", rootFile]],
  "a pin that is none": [
    "ROOT_DIGEST_INVALID",
    2,
    ["--mrtd", mrtd, "--root", rootFile, "--endorsement", endorsement, "--root-sha256", "sha256:ab"],
  ],
  "a root's address without TLS": [
    "ENDORSEMENT_URL_INVALID",
    2,
    ["--mrtd", mrtd, "--endorsement", endorsement, "--root-url", "http://x.example/root.crt"],
  ],
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

test("refuses an endorsement by another root than the pinned one, and by one of its name", async () => {
  const other = write("other.crt", otherRoot.certificate);
  const given = ["--mrtd", mrtd, "--endorsement", endorsement, "--root", other];
  const unpinned = await run(...given);
  assert.equal(unpinned.code, 1);
  assert.match(unpinned.stdout, /✗ ENDORSEMENT_ROOT_NOT_PINNED: .+\n {2}to do: Give the certificate that https:/);
  const pinned = await run(...given, "--root-sha256", sha256Hex(otherRoot.certificate));
  assert.equal(pinned.code, 1);
  assert.match(pinned.stdout, /✗ ENDORSEMENT_CERTIFICATE: /);
});

test("fetches the root where none is given, and believes it by its digest alone", async (t) => {
  let served: Uint8Array = root.certificate;
  const server = await startServer(t, ({ url }) =>
    url === "/root.crt" ? { status: 200, body: Buffer.from(served) } : { status: 403 },
  );
  const given = ["--mrtd", mrtd, "--endorsement", endorsement, "--root-url", `http://${server.host}/root.crt`];
  assert.equal((await run(...given, ...pin)).code, 0);
  const unpinned = await run(...given);
  assert.deepEqual(
    [unpinned.code, /✗ (\w+)/.exec(unpinned.stdout.split("\n")[1] ?? "")?.[1]],
    [1, "ENDORSEMENT_ROOT_NOT_PINNED"],
  );
  served = Buffer.from("<html>a proxy's page</html>");
  assert.match((await run(...given, ...pin)).stdout, /✗ ENDORSEMENT_ROOT: /);
  const absent = await run("--mrtd", mrtd, "--endorsement", endorsement, "--root-url", `http://${server.host}/none`);
  assert.deepEqual([absent.code, absent.stdout], [3, ""]);
  assert.match(absent.stderr, /\(code ENDORSEMENT_ROOT_UNAVAILABLE\)\n$/);
});
