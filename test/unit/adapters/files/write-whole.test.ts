import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { writeWhole } from "../../../../src/adapters/files/write-whole.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-write-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

test("a link stays a link, and the file that it leads to is replaced", (t) => {
  const folder = folderOf(t);
  const [file, link] = [join(folder, "file"), join(folder, "link")];
  writeFileSync(file, "old");
  symlinkSync(file, link);
  writeWhole(link, "new");
  assert.equal(lstatSync(link).isSymbolicLink(), true);
  assert.equal(readFileSync(file, "utf8"), "new");
});

test("a link that leads nowhere is replaced", (t) => {
  const link = join(folderOf(t), "link");
  symlinkSync("/nowhere/at/all", link);
  writeWhole(link, "new");
  assert.equal(lstatSync(link).isFile(), true);
});

test("a device is written to, not replaced", (t) => {
  const before = statSync("/dev/null");
  writeWhole("/dev/null", "x");
  assert.equal(statSync("/dev/null").rdev, before.rdev);
  const device = join(folderOf(t), "null");
  try {
    execFileSync("mknod", [device, "c", "1", "3"], { stdio: "ignore" });
  } catch {
    t.skip("no device can be made here");
    return;
  }
  writeWhole(device, "x");
  assert.equal(statSync(device).isCharacterDevice(), true);
});
