import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runInProcess } from "../../support/command-line.ts";
import { vectors, vectorsDirectory } from "../../support/vectors.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-tee-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const environment = { NEKO_TRUST_CACHE: join(folder, "cache"), HOME: folder };
const run = (...args: readonly string[]) => runInProcess(["tee", "status", ...args], { environment });
const file = (name: string): string => join(vectorsDirectory, "tdx", name);
const real = ["--quote", file("phala-v4-uptodate.quote"), "--collateral", file("phala-v4-uptodate.collateral.json")];

test("tells a real platform's status as of a time, and that its collateral is over by now", async (t) => {
  if (vectors(t, "tdx/phala-v4-uptodate.quote", "tdx/phala-v4-uptodate.collateral.json") === undefined) return;
  const then = await run(...real, "--at", "2025-07-01T00:00:00Z");
  assert.equal(then.code, 0, then.stderr);
  assert.match(then.stdout, /^✓ UpToDate: level of \d{4}-\d{2}-\d{2}, platform b0c06f000000, PPID [0-9a-f]{32}\n/);
  assert.match(then.stdout, /\n {2}everything valid until 2025-07-1\dT[^\n]+ \(1\d days\)\n/);
  assert.match(then.stdout, /\n {2}announced: not asked\n$/);
  const soon = await run(...real, "--at", "2025-07-01T00:00:00Z", "--within", "30d");
  assert.equal(soon.code, 1);
  assert.match(soon.stdout, /✗ COLLATERAL_EXPIRED: collateral: /);
  const now = await run(...real, "--json");
  assert.equal(now.code, 1);
  const document = JSON.parse(now.stdout) as { ok: boolean; faults: { code: string }[] };
  assert.equal(document.ok, false);
  assert.ok(document.faults.some(({ code }) => code === "COLLATERAL_EXPIRED"));
});

const quote = join(folder, "quote");
writeFileSync(quote, "no quote");
const policy = join(folder, "policy.yaml");
writeFileSync(policy, "{}");
const dead = ["--service", "http://127.0.0.1:9", "--root-crl", "http://127.0.0.1:9/root"];
const refused: Readonly<Record<string, readonly [code: string, exit: number, args: readonly string[]]>> = {
  "neither quote nor platform": ["TEE_SUBJECT_UNCLEAR", 2, []],
  both: ["TEE_SUBJECT_UNCLEAR", 2, ["--quote", quote, "--fmspc", "00806f050000"]],
  "a platform with a collateral file": ["TEE_SUBJECT_UNCLEAR", 2, ["--fmspc", "00806f050000", "--collateral", quote]],
  "an FMSPC that is none": ["FMSPC_INVALID", 2, ["--fmspc", "00806f05"]],
  "an authority that is none": ["TEE_CA_UNKNOWN", 2, ["--fmspc", "00806f050000", "--ca", "root"]],
  "a quote that is not there": ["FILE_UNREADABLE", 2, ["--quote", join(folder, "none")]],
  "a quote that is none": ["PCS_QUOTE_INVALID", 1, ["--quote", quote, ...dead]],
  "a collateral file that is none": ["COLLATERAL_FILE_INVALID", 2, ["--quote", quote, "--collateral", quote]],
  "a policy that is none": ["POLICY_INVALID", 2, ["--quote", quote, "--policy", policy]],
  "a duration that is none": ["DURATION_INVALID", 2, ["--quote", quote, "--within", "soon"]],
  "a time without a collateral file": ["TIME_INVALID", 2, ["--quote", quote, "--at", "2025-07-01T00:00:00Z"]],
  "a service without TLS": ["PCS_URL_INVALID", 2, ["--fmspc", "00806f050000", "--service", "http://pcs.example"]],
  "a service with credentials": [
    "PCS_URL_INVALID",
    2,
    ["--fmspc", "00806f050000", "--service", "https://a:b@pcs.example"],
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
