import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { peOffsets, writePe } from "../../../../../lab/tdx/pe-writer.ts";
import type { PeLayout, SectionToWrite } from "../../../../../lab/tdx/pe-writer.ts";
import { parsePe } from "../../../../../src/core/tdx/measure/pe.ts";
import { findProgram } from "../../../../../src/adapters/processes/find-program.ts";
import { codeThrown } from "../../../../support/failures.ts";
import { mutateBytes, randomFrom } from "../../../../support/json-mutations.ts";

const sections: readonly SectionToWrite[] = [
  { name: ".text", data: Buffer.alloc(700, 1) },
  { name: ".linux", data: Buffer.alloc(1500, 2) },
  { name: ".bss", data: new Uint8Array(), virtualSize: 4096 },
];
const plain = writePe(sections);
const hashOf = (bytes: Uint8Array): string => parsePe(bytes, "The image").authenticode;

test("hashes everything but checksum, certificate table and its directory entry", () => {
  const expected = createHash("sha384")
    .update(plain.subarray(0, peOffsets.checksum))
    .update(plain.subarray(peOffsets.checksum + 4, peOffsets.security))
    .update(plain.subarray(peOffsets.security + 8))
    .digest("hex");
  assert.equal(hashOf(plain), expected);
  const stamped = Buffer.from(plain);
  stamped.writeUInt32LE(0x1234_5678, peOffsets.checksum);
  assert.equal(hashOf(stamped), expected);
  assert.equal(hashOf(writePe(sections, { certificates: Buffer.alloc(64, 9) })), expected);
});

test("every other byte counts", () => {
  const expected = hashOf(plain);
  for (const offset of [
    2,
    peOffsets.checksum - 9,
    peOffsets.checksum + 4,
    peOffsets.security - 1,
    peOffsets.sections + 36,
    plain.length - 1,
  ]) {
    const copy = Buffer.from(plain);
    copy.writeUInt8(copy.readUInt8(offset) ^ 0x40, offset);
    assert.notEqual(hashOf(copy), expected, `byte ${offset}`);
  }
  assert.notEqual(hashOf(writePe(sections, { overlay: Buffer.alloc(8) })), expected);
});

test("gives each section as the file has it", () => {
  const found = parsePe(plain, "The image").sections.map(({ name, virtualSize, raw }) => [
    name,
    virtualSize,
    raw.length,
  ]);
  assert.deepEqual(found, [
    [".text", 700, 1024],
    [".linux", 1500, 1536],
    [".bss", 4096, 0],
  ]);
});

const paddedBySigners: PeLayout = { overlay: Buffer.alloc(99, 7) };
const layouts: Readonly<Record<string, PeLayout>> = {
  "a plain image": {},
  "an image with bytes behind its last section": { overlay: Buffer.alloc(96, 7) },
  "an image with small alignment": { fileAlignment: 32 },
};
/** What osslsigncode would sign: SpcIndirectDataContent, which ends with the digest. Skips the test where it is absent. */
function contentByOsslsigncode(t: TestContext, image: Uint8Array): Buffer | undefined {
  const program = findProgram("osslsigncode", process.env);
  if (program === undefined) {
    t.skip("no osslsigncode on PATH (Debian: apt-get install osslsigncode)");
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-pe-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const [file, content] = [join(folder, "image.efi"), join(folder, "content.der")];
  writeFileSync(file, image);
  execFileSync(program, ["extract-data", "-h", "sha384", "-in", file, "-out", content], { stdio: "ignore" });
  return readFileSync(content);
}

for (const [what, layout] of Object.entries(layouts)) {
  test(`osslsigncode computes the same hash of ${what}`, (t) => {
    const image = writePe(sections, layout);
    const content = contentByOsslsigncode(t, image);
    if (content !== undefined) assert.ok(content.includes(Buffer.from(hashOf(image), "hex")));
  });
}

test("does not fill an image up to eight bytes, as those who sign one do: firmware takes the file as it is", (t) => {
  const image = writePe(sections, paddedBySigners);
  const filled = Buffer.concat([image, Buffer.alloc(-image.length & 7)]);
  assert.equal(image.length % 8, 3);
  assert.notEqual(hashOf(image), hashOf(filled));
  const content = contentByOsslsigncode(t, image);
  if (content !== undefined) assert.ok(content.includes(Buffer.from(hashOf(filled), "hex")));
});

/** The image with a field changed. */
function changed(offset: number, value: number, size: 2 | 4 = 4, of: Buffer = plain): Buffer {
  const copy = Buffer.from(of);
  if (size === 2) copy.writeUInt16LE(value, offset);
  else copy.writeUInt32LE(value, offset);
  return copy;
}
const signed = writePe(sections, { certificates: Buffer.alloc(64, 9) });
const coff = 0x84;
const optional = 0x98;
const refused: Readonly<Record<string, Buffer>> = {
  "no bytes": Buffer.alloc(0),
  "a file of zeros": Buffer.alloc(4096),
  "a header far away": changed(0x3c, 0xffff_fff0),
  "a header within the DOS header": changed(0x3c, 8),
  "no PE signature": changed(0x80, 0),
  "a machine of another kind": changed(coff, 0x014c, 2),
  "an image of 32 bits": changed(optional, 0x010b, 2),
  "no sections": changed(coff + 2, 0, 2),
  "65,535 sections": changed(coff + 2, 0xffff, 2),
  "more sections than headers hold": changed(coff + 2, 90, 2),
  "no data directories": changed(optional + 108, 0),
  "four data directories, and so none for certificates": changed(optional + 108, 4),
  "four thousand million data directories": changed(optional + 108, 0xffff_ffff),
  "headers that end within the section table": changed(optional + 60, 0x190),
  "headers larger than the file": changed(optional + 60, 0xffff_ffff),
  "a section that runs past the end": changed(peOffsets.sections + 40 + 16, 0xffff_fe00),
  "a section that begins past the end": changed(peOffsets.sections + 40 + 20, 0xffff_fe00),
  "sections that overlap": changed(peOffsets.sections + 40 + 20, 512),
  "a gap between sections": changed(peOffsets.sections + 16, 512),
  "a section without a name": changed(peOffsets.sections, 0),
  "a certificate table that is not at the end": Buffer.concat([signed, Buffer.alloc(8)]),
  "a certificate table within a section": changed(peOffsets.security, 1024, 4, signed),
  "a certificate table of no size somewhere": changed(peOffsets.security, 1024),
};
for (const [what, bytes] of Object.entries(refused)) {
  test(`refuses ${what}`, () => {
    assert.equal(
      codeThrown(() => hashOf(bytes), "accepted"),
      "PE_INVALID",
    );
  });
}

test("refuses an image that is cut anywhere", () => {
  for (let length = 0; length < plain.length; length += 13) {
    assert.equal(
      codeThrown(() => hashOf(plain.subarray(0, length)), "accepted"),
      "PE_INVALID",
      `cut at ${length}`,
    );
  }
});

const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
test(`no mutation throws anything but PE_INVALID (${total}, seed ${seed})`, () => {
  const random = randomFrom(seed);
  for (let count = 0; count < total; count += 1) {
    const { bytes, what } = mutateBytes(signed, random);
    const code = codeThrown(() => hashOf(bytes), "accepted");
    assert.ok(code === "accepted" || code === "PE_INVALID", what);
  }
});
