import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { keep, keptFile } from "../../../src/adapters/intel-pcs/kept-collateral.ts";
import { toCollateralFile } from "../../../src/core/tdx/collateral.ts";
import { readCurrentCollateral } from "../../../src/operations/read-current-collateral.ts";
import { codeThrown } from "../../support/failures.ts";
import { collateralOf, issuedAt } from "../../support/quotes.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-current-collateral-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const collateral = collateralOf();
const plain = JSON.stringify(toCollateralFile(collateral));
const kept = keptFile(folder, "standard", { fmspc: "00806f050000", ca: "platform" });
const codeOf = (path: string): string => codeThrown(() => readCurrentCollateral(path), "read");

test("reads what tee status keeps and what dcap-qvl writes, from one file or a whole folder", () => {
  keep(kept, { fetched: issuedAt, collateral });
  const cache = join(folder, "intel-pcs");
  const file = join(cache, "dcap-qvl.json");
  writeFileSync(file, plain);
  writeFileSync(join(cache, "README"), "not read");
  const expected = toCollateralFile(collateral);
  assert.deepEqual(readCurrentCollateral(cache).map(toCollateralFile), [expected, expected]);
  assert.deepEqual(readCurrentCollateral(file).map(toCollateralFile), [expected]);
  assert.deepEqual(readCurrentCollateral(kept).map(toCollateralFile), [expected]);
});

test("tells what it can't read, and never takes a part of a folder", () => {
  const other = join(folder, "other");
  mkdirSync(other);
  assert.equal(codeOf(join(folder, "none")), "TEE_COLLATERAL_UNREADABLE");
  assert.equal(codeOf(other), "TEE_COLLATERAL_NONE");
  writeFileSync(join(other, "a.json"), plain);
  assert.equal(codeOf(other), "read");
  writeFileSync(join(other, "b.json"), "{}");
  assert.equal(codeOf(other), "COLLATERAL_FILE_INVALID");
  writeFileSync(join(other, "b.json"), JSON.stringify({ schema: 2, fetched: "2026-11-01T00:00:00Z", collateral: {} }));
  assert.equal(codeOf(other), "PCS_CACHE_INVALID");
  writeFileSync(join(other, "b.json"), Buffer.alloc(8 * 1024 * 1024 + 1));
  assert.equal(codeOf(other), "TEE_COLLATERAL_UNREADABLE");
  rmSync(join(other, "b.json"));
  mkdirSync(join(other, "c.json"));
  assert.equal(codeOf(other), "TEE_COLLATERAL_UNREADABLE");
  const many = join(folder, "many");
  mkdirSync(many);
  for (let index = 0; index < 257; index += 1) writeFileSync(join(many, `${index}.json`), "");
  assert.equal(codeOf(many), "TEE_COLLATERAL_NONE");
});
