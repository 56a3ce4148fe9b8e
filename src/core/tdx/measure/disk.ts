import { searchFile } from "./file-on-disk.ts";
import type { FileSearch } from "./file-on-disk.ts";
import { efiSystemPartition, gptBytes, parseGpt, sectorBytes } from "./gpt.ts";
import type { PartitionTable } from "./gpt.ts";
import { measureFailure } from "./measure-failure.ts";

/** Takes a raw disk piece by piece. */
export interface DiskExamination {
  readonly feed: (piece: Uint8Array) => void;
  /** Called after the last piece: the partition table's event. Throws DISK_GPT_INVALID, UKI_NOT_ON_DISK. */
  readonly end: () => Uint8Array;
}

/** Reads the partition table of a raw disk, and looks in its EFI system partition for the image that it is said to boot. */
export function examineDisk(uki: Uint8Array): DiskExamination {
  const start = Buffer.alloc(gptBytes);
  const search = searchFile(uki);
  let total = 0;
  let rest: Buffer = Buffer.alloc(0);
  let table: PartitionTable | undefined;

  /** Whole sectors from `position` on; what of them is in the EFI system partition is searched. */
  function pass(bytes: Uint8Array, position: number, { partitions }: PartitionTable): void {
    for (const { type, first, last } of partitions) {
      if (type !== efiSystemPartition) continue;
      const from = Math.max(0, Number(first) * sectorBytes - position);
      const to = Math.min(bytes.length, (Number(last) + 1) * sectorBytes - position);
      if (from < to) search.feed(bytes.subarray(from, to));
    }
  }

  function begin(length: number): PartitionTable {
    const found = parseGpt(start.subarray(0, length));
    const systems = found.partitions.filter(({ type }) => type === efiSystemPartition).length;
    if (systems !== 1) {
      throw measureFailure("DISK_GPT_INVALID", `The disk has ${systems} EFI system partitions, where one is needed.`);
    }
    pass(start.subarray(0, length), 0, found);
    return found;
  }

  function feed(piece: Uint8Array): void {
    let bytes = piece;
    if (total < gptBytes) {
      const length = Math.min(bytes.length, gptBytes - total);
      start.set(bytes.subarray(0, length), total);
      total += length;
      bytes = bytes.subarray(length);
      if (total === gptBytes) table = begin(gptBytes);
    }
    if (bytes.length === 0 || table === undefined) return;
    const position = total - rest.length;
    total += bytes.length;
    const all =
      rest.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([rest, bytes]);
    const whole = all.length - (all.length % sectorBytes);
    rest = Buffer.from(all.subarray(whole));
    pass(all.subarray(0, whole), position, table);
  }

  return {
    feed,
    end() {
      const { lastSector, event } = table ?? begin(total);
      if (BigInt(total) !== (lastSector + 1n) * BigInt(sectorBytes)) {
        const message = `The disk has ${total} bytes, but its partition table says that it ends with sector ${lastSector}.`;
        throw measureFailure("DISK_GPT_INVALID", message);
      }
      requireFound(search);
      return event;
    },
  };
}

function requireFound(search: FileSearch): void {
  if (search.found()) return;
  throw measureFailure("UKI_NOT_ON_DISK", "The unified kernel image is not in the disk's EFI system partition.");
}
