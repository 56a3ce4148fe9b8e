import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, createReadStream, existsSync, ftruncateSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createGunzip } from "node:zlib";
import { createDiskTar } from "../../src/core/tdx/measure/disk-tar.ts";
import { removeTree } from "../../src/adapters/trees/remove-tree.ts";
import { sampleDisk } from "../support/signer-disk.ts";
import { checkout } from "../support/flake-lab.ts";

/** What nix/gce-disk.nix runs, on this machine: the disk of a release is a function of the raw disk's bytes. */

const absent = ["bash", "tar", "gzip"].filter((name) => spawnSync(name, ["--version"]).error !== undefined);
const gnu = absent.length === 0 && execFileSync("tar", ["--version"], { encoding: "utf8" }).includes("GNU tar");
const skip = gnu ? false : "bash, GNU tar and gzip must be on PATH";
const folder = mkdtempSync(join(tmpdir(), "neko-gce-disk-"));
after(() => {
  removeTree(folder);
});

const gib = 1024 ** 3;
const epoch = "1786800966";
const holed = join(folder, "holed.raw");
const written = join(folder, "written.raw");

/** A disk of 1 GiB: a partition table, a file system's first bytes, something far behind, and holes between. */
function writeHoled(): void {
  const file = openSync(holed, "w");
  ftruncateSync(file, gib);
  writeSync(file, sampleDisk(), 0, undefined, 0);
  writeSync(file, Buffer.from("the end"), 0, undefined, gib - 7);
  closeSync(file);
}

before(() => {
  if (skip !== false) return;
  writeHoled();
  execFileSync("cp", ["--sparse=never", holed, written]);
});

/** Runs the script; its exit code, and what it says. */
function diskTar(raw: string, output: string): Promise<{ code: unknown; stderr: string }> {
  const script = join(checkout, "nix/gce/disk-tar.sh");
  return new Promise((resolve) => {
    execFile("bash", [script, raw, output, epoch], (error, _stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stderr });
    });
  });
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}

test("a disk gives the same archive whether its file has holes or none", { skip }, async () => {
  // Else the copy is like the first, and shows nothing.
  const blocks = [holed, written].map((path) => statSync(path).blocks);
  assert.ok((blocks[0] ?? 0) * 10 < (blocks[1] ?? 0), String(blocks));
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  const done = { code: 0, stderr: "" };
  assert.deepEqual(await Promise.all([diskTar(holed, first), diskTar(written, second)]), [done, done]);
  const sha256 = await sha256Of(join(first, "disk.tar.gz"));
  assert.equal(await sha256Of(join(second, "disk.tar.gz")), sha256);
  for (const output of [first, second]) {
    assert.equal(readFileSync(join(output, "disk.sha256"), "utf8"), `${sha256}\n`);
  }

  // What reads it gets the disk, every byte; and zeros cost next to nothing.
  const archive = join(first, "disk.tar.gz");
  const read = createHash("sha256");
  const tar = createDiskTar((piece) => read.update(piece), gib);
  for await (const piece of createReadStream(archive).pipe(createGunzip())) tar.feed(piece as Buffer);
  assert.equal(tar.end(), gib);
  assert.equal(read.digest("hex"), await sha256Of(written));
  assert.ok(statSync(archive).size < gib / 500);
  const listed = execFileSync("tar", ["--list", "--verbose", "--utc", "--full-time", "-f", archive], {
    encoding: "utf8",
  });
  assert.equal(listed, "-rw-r--r-- 0/0      1073741824 2026-08-15 13:36:06 disk.raw\n");
});

test("GNU tar's own map of holes would tell the file systems apart: why it is not asked for", { skip }, () => {
  const sizes = [holed, written].map((path) => {
    const args = ["--create", "--sparse", "--format=oldgnu", "--hole-detection=seek", "-f", "-", path];
    return execFileSync("sh", ["-c", 'tar "$@" 2>&1 | wc -c', "sh", ...args], { encoding: "utf8" });
  });
  assert.notEqual(sizes[0], sizes[1]);
});

for (const [what, bytes] of [
  ["that is not a whole number of GiB", 8192 * 512],
  ["with nothing in it", 0],
] as const) {
  test(`a disk ${what} is refused, with its size`, { skip }, async () => {
    const raw = join(folder, `odd-${bytes}.raw`);
    writeFileSync(raw, Buffer.alloc(bytes));
    const output = join(folder, `odd-${bytes}`);
    const { code, stderr } = await diskTar(raw, output);
    assert.equal(code, 1);
    assert.equal(stderr, `disk-tar: the disk has ${bytes} bytes: it must be a whole number of GiB\n`);
    assert.equal(existsSync(output), false);
  });
}

test("a disk that is not there is an error", { skip }, async () => {
  const { code, stderr } = await diskTar(join(folder, "absent.raw"), join(folder, "absent"));
  assert.notEqual(code, 0);
  assert.match(stderr, /absent\.raw/);
});
