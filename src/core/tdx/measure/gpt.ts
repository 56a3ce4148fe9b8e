import { crc32 } from "./crc32.ts";
import { measureFailure } from "./measure-failure.ts";

/** A partition that is in use, in sectors, both inclusive. */
export interface Partition {
  /** GUID as text, lower case. */
  readonly type: string;
  readonly first: bigint;
  readonly last: bigint;
}

export interface PartitionTable {
  readonly partitions: readonly Partition[];
  /** The last sector that the table says the disk has: where its backup lies. */
  readonly lastSector: bigint;
  /** What firmware measures of it: UEFI_GPT_DATA, byte for byte. */
  readonly event: Uint8Array;
}

export const sectorBytes = 512;
/** How much of a disk `parseGpt` needs: both of its places are in here. */
export const gptBytes = 1024 * 1024;
export const efiSystemPartition = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

const headerBytes = 92;
const entryBytes = 128;
const mostEntries = 1024;

/**
 * The GUID partition table (UEFI 2.10, section 5.3) at the start of a disk with sectors of 512 bytes, strictly: what firmware
 * would repair, skip or read otherwise is refused, as it would then measure something else. Throws DISK_GPT_INVALID.
 *
 * The event is that of TCG's PC Client Platform Firmware Profile, section 10.2.4 (UEFI_GPT_DATA), as edk2 writes it
 * (DxeTpm2MeasureBootLib): the header, the number of used entries in 8 bytes, and those entries.
 */
export function parseGpt(start: Uint8Array): PartitionTable {
  const bytes = start.subarray(0, gptBytes);
  if (bytes.length < sectorBytes + headerBytes) throw invalid("it is shorter than a partition table");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (offset: number): number => view.getUint32(sectorBytes + offset, true);
  const u64 = (offset: number): bigint => view.getBigUint64(sectorBytes + offset, true);
  const header = bytes.subarray(sectorBytes, sectorBytes + headerBytes);
  if (Buffer.from(header.subarray(0, 8)).toString("latin1") !== "EFI PART") throw invalid("sector 1 has no GPT header");
  if (u32(8) !== 0x0001_0000) throw invalid(`the header's revision is 0x${u32(8).toString(16)}, not 1.0`);
  // The event has the first 92 bytes whatever the header says; a longer header would have more under its checksum.
  if (u32(12) !== headerBytes) throw invalid(`the header has ${u32(12)} bytes, not ${headerBytes}`);
  const unsigned = Uint8Array.from(header);
  unsigned.fill(0, 16, 20);
  if (crc32(unsigned) !== u32(16)) throw invalid("the header's checksum is wrong");
  if (u32(20) !== 0) throw invalid("the header's reserved field is not zero");
  if (u64(24) !== 1n) throw invalid(`the header says that it lies in sector ${u64(24)}, not 1`);
  const usable = { first: u64(40), last: u64(48) };
  const table = { at: u64(72), count: u32(80), size: u32(84), checksum: u32(88) };
  if (table.size !== entryBytes) throw invalid(`an entry has ${table.size} bytes, not ${entryBytes}`);
  if (table.count === 0 || table.count > mostEntries) throw invalid(`it has ${table.count} entries`);
  const length = table.count * entryBytes;
  if (table.at < 2n || table.at * BigInt(sectorBytes) + BigInt(length) > BigInt(bytes.length)) {
    throw invalid(`its entries, from sector ${table.at} on, are not within the first ${gptBytes} bytes`);
  }
  const from = Number(table.at) * sectorBytes;
  const entries = bytes.subarray(from, from + length);
  if (crc32(entries) !== table.checksum) throw invalid("the entries' checksum is wrong");
  const used = Array.from({ length: table.count }, (_, index) =>
    entries.subarray(index * entryBytes, (index + 1) * entryBytes),
  ).filter((entry) => entry.subarray(0, 16).some((byte) => byte !== 0));
  const partitions = used.map(partitionOf);
  requireApart(partitions, usable);
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(used.length));
  return { partitions, lastSector: u64(32), event: Buffer.concat([header, count, ...used]) };
}

function partitionOf(entry: Uint8Array): Partition {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  return {
    type: guidText(entry.subarray(0, 16)),
    first: view.getBigUint64(32, true),
    last: view.getBigUint64(40, true),
  };
}

/** The first three parts of a GUID are little-endian (UEFI 2.10, appendix A). */
function guidText(bytes: Uint8Array): string {
  const hex = (...order: readonly number[]): string =>
    order.map((index) => (bytes[index] ?? 0).toString(16).padStart(2, "0")).join("");
  return [hex(3, 2, 1, 0), hex(5, 4), hex(7, 6), hex(8, 9), hex(10, 11, 12, 13, 14, 15)].join("-");
}

function requireApart(
  partitions: readonly Partition[],
  usable: { readonly first: bigint; readonly last: bigint },
): void {
  let free = usable.first;
  for (const { first, last } of [...partitions].sort((a, b) => (a.first < b.first ? -1 : 1))) {
    if (first < free || last < first || last > usable.last) {
      throw invalid(`the partition of sectors ${first} to ${last} overlaps another, or the table itself`);
    }
    free = last + 1n;
  }
}

function invalid(why: string): Error {
  return measureFailure("DISK_GPT_INVALID", `The disk's partition table can't be measured: ${why}.`);
}
