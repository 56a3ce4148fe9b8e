import { crc32 } from "../../src/core/tdx/measure/crc32.ts";

/** One partition to be written; sectors of 512 bytes, both ends inclusive. */
export interface PartitionToWrite {
  readonly type: string;
  readonly id: string;
  readonly first: number;
  readonly last: number;
  readonly name: string;
}

export interface GptLayout {
  readonly diskId: string;
  /** Of the whole disk. */
  readonly sectors: number;
  readonly partitions: readonly PartitionToWrite[];
}

/** Positions of header and entries in a disk. */
export const gptOffsets = { header: 512, entries: 1024 } as const;

/** A disk's first 34 sectors (UEFI 2.10, section 5.3): no boot code, GPT header, 128 entries. */
export function writeGpt({ diskId, sectors, partitions }: GptLayout): Buffer {
  const entries = Buffer.alloc(128 * 128);
  for (const [index, { type, id, first, last, name }] of partitions.entries()) {
    const at = index * 128;
    entries.set(guid(type), at);
    entries.set(guid(id), at + 16);
    entries.writeBigUInt64LE(BigInt(first), at + 32);
    entries.writeBigUInt64LE(BigInt(last), at + 40);
    entries.write(name, at + 56, 72, "utf16le");
  }
  const header = Buffer.alloc(92);
  header.write("EFI PART", 0, "latin1");
  header.writeUInt32LE(0x0001_0000, 8);
  header.writeUInt32LE(header.length, 12);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(BigInt(sectors - 1), 32);
  header.writeBigUInt64LE(34n, 40);
  header.writeBigUInt64LE(BigInt(sectors - 34), 48);
  header.set(guid(diskId), 56);
  header.writeBigUInt64LE(2n, 72);
  header.writeUInt32LE(128, 80);
  header.writeUInt32LE(128, 84);
  const start = Buffer.alloc(34 * 512);
  start.set(header, gptOffsets.header);
  start.set(entries, gptOffsets.entries);
  return sealGpt(start);
}

/** Sets both checksums again after a change. */
export function sealGpt(start: Buffer): Buffer {
  const header = start.subarray(gptOffsets.header, gptOffsets.header + 92);
  header.writeUInt32LE(crc32(start.subarray(gptOffsets.entries, gptOffsets.entries + 128 * 128)), 88);
  header.writeUInt32LE(0, 16);
  header.writeUInt32LE(crc32(header), 16);
  return start;
}

function guid(text: string): Buffer {
  const [a = "", b = "", c = "", ...rest] = text.split("-").map((part) => Buffer.from(part, "hex"));
  return Buffer.concat([
    ...[a, b, c].map((part) => Buffer.from(part).reverse()),
    ...rest.map((part) => Buffer.from(part)),
  ]);
}
