import { gzipSync } from "node:zlib";
import { writeGpt } from "../../lab/tdx/gpt-writer.ts";
import { writePe } from "../../lab/tdx/pe-writer.ts";
import { efiSystemPartition } from "../../src/core/tdx/measure/gpt.ts";
import { tarBytes } from "../../src/core/oci/tar.ts";

/** A unified kernel image that no machine boots. */
export const sampleUki: Buffer = writePe([
  { name: ".text", data: Buffer.alloc(3000, 1) },
  { name: ".osrel", data: Buffer.from("ID=neko\n") },
  { name: ".cmdline", data: Buffer.from("init=/init\0") },
  { name: ".initrd", data: Buffer.from(Array.from({ length: 9000 }, (_, index) => (index * 7) % 251)) },
  { name: ".linux", data: writePe([{ name: ".text", data: Buffer.alloc(1000, 3) }]) },
]);

export interface SampleDisk {
  /** In the EFI system partition, by sectors from its beginning; left out: the image at sector 100. */
  readonly files?: readonly { readonly sector: number; readonly bytes: Uint8Array }[];
  readonly systemPartitions?: number;
  readonly sectors?: number;
}

/** A raw disk of 4 MiB with an EFI system partition that begins at 1 MiB, whose file system is only the files themselves. */
export function sampleDisk({ files, systemPartitions = 1, sectors = 8192 }: SampleDisk = {}): Buffer {
  const partition = (index: number) => ({
    type: efiSystemPartition,
    id: `87654321-4321-8765-4321-87654321876${index}`,
    first: 2048 + index * 1024,
    last: 3071 + index * 1024,
    name: "esp",
  });
  const disk = Buffer.alloc(sectors * 512);
  const partitions = Array.from({ length: systemPartitions }, (_, index) => partition(index));
  disk.set(writeGpt({ diskId: "12345678-1234-5678-1234-567812345678", sectors: 8192, partitions }));
  for (const { sector, bytes } of files ?? [{ sector: 100, bytes: sampleUki }]) disk.set(bytes, (2048 + sector) * 512);
  return disk;
}

/** As it is uploaded. */
export function diskArtifact(disk: Uint8Array, path = "disk.raw"): Buffer {
  return gzipSync(tarBytes([{ kind: "file", path, bytes: disk }], 0));
}
