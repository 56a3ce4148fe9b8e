import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { findProgram } from "../../../../../src/adapters/processes/find-program.ts";
import { tarBytes } from "../../../../../src/core/oci/tar.ts";
import { createDiskTar } from "../../../../../src/core/tdx/measure/disk-tar.ts";
import { codeThrown } from "../../../../support/failures.ts";
import { mutateBytes, randomFrom } from "../../../../support/json-mutations.ts";

const most = 1 << 24;

/** The disk in an archive that comes in pieces of a size. */
function read(archive: Uint8Array, pieceBytes = archive.length || 1): Buffer {
  const pieces: Buffer[] = [];
  const tar = createDiskTar((piece) => pieces.push(Buffer.from(piece)), most);
  for (let at = 0; at < archive.length; at += pieceBytes) tar.feed(archive.subarray(at, at + pieceBytes));
  const size = tar.end();
  const disk = Buffer.concat(pieces);
  assert.equal(disk.length, size);
  return disk;
}

const disk = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 253));
const archive = tarBytes([{ kind: "file", path: "disk.raw", bytes: disk }], 0);

test("gives the disk, whatever the pieces", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4000 }), (size) => read(archive, size).equals(disk)),
    { numRuns: 30 },
  );
  assert.deepEqual(read(tarBytes([{ kind: "file", path: "disk.raw", bytes: Buffer.alloc(0) }], 0)), Buffer.alloc(0));
});

for (const options of ["--format=oldgnu", "--format=oldgnu --sparse", "--format=gnu --sparse", "--format=ustar"]) {
  test(`reads what GNU tar writes with ${options}`, (t) => {
    const program = findProgram("tar", process.env);
    if (program === undefined) {
      t.skip("no tar on PATH");
      return;
    }
    const folder = mkdtempSync(join(tmpdir(), "neko-trust-tar-"));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    // Many holes, so that the map needs more than the header; the last hole is at the end.
    const holed = Buffer.alloc(3_000_000);
    const path = openSync(join(folder, "disk.raw"), "w");
    for (let at = 8192; at < 2_800_000; at += 65_536) {
      holed.fill(at % 251, at, at + 4096);
      writeSync(path, holed, at, 4096, at);
    }
    ftruncateSync(path, holed.length);
    closeSync(path);
    execFileSync(program, [...options.split(" "), "-cf", "disk.tar", "disk.raw"], { cwd: folder });
    const written = readFileSync(join(folder, "disk.tar"));
    assert.equal(written.length < holed.length, options.endsWith("--sparse"));
    for (const size of [512, 10_007, written.length]) assert.ok(read(written, size).equals(holed));
  });
}

/** The archive with a field of its header changed, its checksum made right again. */
function changed(offset: number, bytes: Uint8Array | string): Buffer {
  const copy = Buffer.from(archive);
  copy.set(Buffer.from(bytes), offset);
  copy.write(" ".repeat(8), 148);
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return copy;
}
const octal = (value: number): string => `${value.toString(8).padStart(11, "0")}\0`;
const sparseHeader = (map: readonly (readonly [number, number])[], size: number, more = false): Buffer => {
  const entries = map.map(([at, length]) => octal(at) + octal(length)).join("");
  const copy = changed(156, "S");
  copy.write(entries, 386, "latin1");
  copy[482] = more ? 1 : 0;
  copy.write(octal(size), 483, "latin1");
  const sealed = Buffer.from(copy);
  sealed.write(" ".repeat(8), 148);
  const sum = sealed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  sealed.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return sealed;
};

test("fills holes with zeros", () => {
  const holed = Buffer.alloc(9000);
  holed.set(disk.subarray(0, 2000), 1000);
  holed.set(disk.subarray(2000), 5000);
  assert.ok(
    read(
      sparseHeader(
        [
          [1000, 2000],
          [5000, 3000],
          [9000, 0],
        ],
        9000,
      ),
    ).equals(holed),
  );
});

const refused: Readonly<Record<string, readonly [string, Uint8Array]>> = {
  "no bytes": ["DISK_ARTIFACT_INVALID", Buffer.alloc(0)],
  "zeros alone": ["DISK_ARTIFACT_INVALID", Buffer.alloc(1024)],
  "a raw disk": ["DISK_ARTIFACT_INVALID", disk],
  "another member": ["DISK_ARTIFACT_INVALID", tarBytes([{ kind: "file", path: "disk.img", bytes: disk }], 0)],
  "a second member": [
    "DISK_ARTIFACT_INVALID",
    tarBytes(
      [
        { kind: "file", path: "disk.raw", bytes: disk },
        { kind: "file", path: "other", bytes: disk },
      ],
      0,
    ),
  ],
  "a link": ["DISK_ARTIFACT_INVALID", tarBytes([{ kind: "symlink", path: "disk.raw", target: "/dev/zero" }], 0)],
  "a wrong checksum": ["DISK_ARTIFACT_INVALID", Buffer.concat([Buffer.from("e"), archive.subarray(1)])],
  "a size that is no number": ["DISK_ARTIFACT_INVALID", changed(124, "99999999999")],
  "a size of 2^88": ["DISK_ARTIFACT_INVALID", changed(124, Buffer.from([0x80, ...new Array<number>(11).fill(0xff)]))],
  "a disk that is too large": ["DISK_TOO_LARGE", changed(124, octal(most + 1))],
  "a hole that is too large": ["DISK_TOO_LARGE", sparseHeader([[0, 5000]], most + 1)],
  "a map of more bytes than there are": ["DISK_ARTIFACT_INVALID", sparseHeader([[0, 6000]], 9000)],
  "a map of fewer bytes than there are": ["DISK_ARTIFACT_INVALID", sparseHeader([[0, 4000]], 9000)],
  "a map that overlaps": [
    "DISK_ARTIFACT_INVALID",
    sparseHeader(
      [
        [0, 3000],
        [1000, 2000],
      ],
      9000,
    ),
  ],
  "a map beyond the disk's end": ["DISK_ARTIFACT_INVALID", sparseHeader([[5000, 5000]], 9000)],
};
for (const [what, [code, bytes]] of Object.entries(refused)) {
  test(`refuses ${what}`, () => {
    assert.equal(
      codeThrown(() => read(bytes), "accepted"),
      code,
    );
  });
}

test("refuses an archive that is cut before the disk's last byte", () => {
  for (let length = 0; length < 512 + disk.length; length += 101) {
    assert.equal(
      codeThrown(() => read(archive.subarray(0, length)), "accepted"),
      "DISK_ARTIFACT_INVALID",
    );
  }
});

const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
test(`no mutation throws anything but a Failure (${total}, seed ${seed})`, () => {
  const random = randomFrom(seed);
  const originals = [archive, sparseHeader([[1000, 5000]], 9000)];
  for (let count = 0; count < total; count += 1) {
    const { bytes } = mutateBytes(originals[count % 2] ?? archive, random);
    codeThrown(() => read(bytes), "accepted");
  }
});
