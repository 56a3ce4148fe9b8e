import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { signerPartSchema } from "../../../src/core/release/manifest.ts";
import { parseGpt } from "../../../src/core/tdx/measure/gpt.ts";
import { predictMeasurements } from "../../../src/core/tdx/measure/models.ts";
import { parseUki } from "../../../src/core/tdx/measure/uki.ts";
import { runInProcess } from "../../support/command-line.ts";
import { diskArtifact, sampleDisk, sampleUki } from "../../support/signer-disk.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-measure-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
function write(name: string, bytes: Uint8Array | string): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}
const uki = write("signer.efi", sampleUki);
const artifact = diskArtifact(sampleDisk());
const disk = write("disk.tar.gz", artifact);
const model = "systemd-stub-258-vtpm";

test("prints the disk's hash and the registers, as publish-manifest --signer takes them", async () => {
  const output = join(folder, "signer.json");
  const { code, stdout, stderr } = await runInProcess([
    ...["measure-signer", disk, "--uki", uki, "--model", model, "--output", output],
  ]);
  assert.equal(code, 0, stderr);
  const predicted = predictMeasurements(model, parseGpt(sampleDisk()).event, parseUki(sampleUki));
  const sha256 = createHash("sha256").update(artifact).digest("hex");
  const expected = { disk: { sha256 }, measurements: predicted };
  assert.deepEqual(signerPartSchema.parse(JSON.parse(readFileSync(output, "utf8"))), expected);
  assert.ok(stdout.startsWith(`✓ disk sha256:${sha256}\n  model ${model}\n  RTMR1 ${predicted.rtmr1}\n`), stdout);
  const piped = await runInProcess(["measure-signer", disk, "--uki", uki, "--model", model]);
  assert.deepEqual(JSON.parse(piped.stdout), expected);
  const json = await runInProcess(["measure-signer", disk, "--uki", uki, "--model", model, "--json"]);
  assert.deepEqual(JSON.parse(json.stdout), { ok: true, ...expected });
});

const moved = Buffer.from(sampleUki);
moved.writeUInt8(moved.readUInt8(moved.length - 1) ^ 1, moved.length - 1);
const asDisk = (name: string, raw: Uint8Array): string => write(`${name}.tar.gz`, diskArtifact(raw));
const folderAsDisk = join(folder, "a-folder");
mkdirSync(folderAsDisk);
const refused: Readonly<Record<string, readonly [code: string, exit: number, args: readonly string[]]>> = {
  "no image": ["OPTION_MISSING", 2, [disk, "--model", model]],
  "no model": ["OPTION_MISSING", 2, [disk, "--uki", uki]],
  "an unknown model": ["MEASUREMENT_MODEL_UNKNOWN", 2, [disk, "--uki", uki, "--model", "grub"]],
  "an image that is not there": ["FILE_UNREADABLE", 2, [disk, "--uki", join(folder, "none.efi"), "--model", model]],
  "a disk that is not there": ["DISK_SOURCE_UNREADABLE", 2, [join(folder, "none"), "--uki", uki, "--model", model]],
  "a folder as disk": ["DISK_SOURCE_UNREADABLE", 2, [folderAsDisk, "--uki", uki, "--model", model]],
  "a disk that is not compressed": [
    "DISK_ARTIFACT_INVALID",
    1,
    [write("disk.raw", sampleDisk()), "--uki", uki, "--model", model],
  ],
  "a compressed disk that is cut": [
    "DISK_ARTIFACT_INVALID",
    1,
    [write("cut.tar.gz", artifact.subarray(0, artifact.length - 20)), "--uki", uki, "--model", model],
  ],
  "another file than disk.raw": [
    "DISK_ARTIFACT_INVALID",
    1,
    [write("other.tar.gz", diskArtifact(sampleDisk(), "disk.img")), "--uki", uki, "--model", model],
  ],
  "an image that is none": ["PE_INVALID", 1, [disk, "--uki", disk, "--model", model]],
  "an image that the disk does not have": [
    "UKI_NOT_ON_DISK",
    1,
    [disk, "--uki", write("other.efi", moved), "--model", model],
  ],
  "a disk whose image lies outside its system partition": [
    "UKI_NOT_ON_DISK",
    1,
    [asDisk("outside", sampleDisk({ files: [{ sector: 1100, bytes: sampleUki }] })), "--uki", uki, "--model", model],
  ],
  "a disk with an image that is cut by the partition's end": [
    "UKI_NOT_ON_DISK",
    1,
    [asDisk("across", sampleDisk({ files: [{ sector: 1000, bytes: sampleUki }] })), "--uki", uki, "--model", model],
  ],
  "a disk without a system partition": [
    "DISK_GPT_INVALID",
    1,
    [asDisk("none", sampleDisk({ systemPartitions: 0 })), "--uki", uki, "--model", model],
  ],
  "a disk with two": [
    "DISK_GPT_INVALID",
    1,
    [asDisk("two", sampleDisk({ systemPartitions: 2 })), "--uki", uki, "--model", model],
  ],
  "a disk that is larger than its table says": [
    "DISK_GPT_INVALID",
    1,
    [asDisk("grown", sampleDisk({ sectors: 8200 })), "--uki", uki, "--model", model],
  ],
};
for (const [what, [code, exit, args]] of Object.entries(refused)) {
  test(`refuses ${what}`, async () => {
    const result = await runInProcess(["measure-signer", ...args]);
    assert.match(result.stderr, new RegExp(`\\(code ${code}\\)\\n$`));
    assert.equal(result.code, exit);
    assert.equal(result.stdout, "");
  });
}

test("finds the image behind a false beginning of it, and at the partition's very end", async () => {
  const sectors = Math.ceil(sampleUki.length / 512);
  const disks = [
    [
      { sector: 10, bytes: sampleUki.subarray(0, 2048) },
      { sector: 12, bytes: sampleUki },
    ],
    [{ sector: 1024 - sectors, bytes: sampleUki }],
    [{ sector: 0, bytes: sampleUki }],
  ];
  for (const [index, files] of disks.entries()) {
    const path = asDisk(`found-${index}`, sampleDisk({ files }));
    assert.equal((await runInProcess(["measure-signer", path, "--uki", uki, "--model", model])).code, 0);
  }
});
