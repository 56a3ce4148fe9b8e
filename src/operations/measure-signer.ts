import { readDiskArtifact } from "../adapters/disk/read-disk-artifact.ts";
import { readRegularFile } from "../adapters/files/read-regular-file.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import type { SignerPart } from "../core/release/manifest.ts";
import { examineDisk } from "../core/tdx/measure/disk.ts";
import { predictMeasurements, requireModel } from "../core/tdx/measure/models.ts";
import { parseUki } from "../core/tdx/measure/uki.ts";

export interface MeasureSignerRequest {
  /** The disk artifact as it is uploaded: disk.raw in a tar.gz. */
  readonly disk: string;
  /** The unified kernel image in it. */
  readonly uki: string;
  /** One of `measurementModels`. */
  readonly model: string;
  readonly signal?: AbortSignal;
}

const mostUkiBytes = 1024 ** 3;

/**
 * What a signer's release says of its machine: the hash of the disk artifact, and RTMR1 and RTMR2 of a machine that boots it.
 * Everything is computed from the two files. Throws what core/tdx/measure and the disk's adapter throw; FILE_UNREADABLE.
 */
export async function measureSigner({ disk, uki, model, signal }: MeasureSignerRequest): Promise<SignerPart> {
  const chosen = requireModel(model);
  const bytes = readUki(uki);
  // Before gigabytes are read.
  const image = parseUki(bytes);
  const examination = examineDisk(bytes);
  const { sha256 } = await readDiskArtifact(disk, examination.feed, signal);
  return { disk: { sha256 }, measurements: predictMeasurements(chosen, examination.end(), image) };
}

function readUki(path: string): Uint8Array {
  try {
    return readRegularFile(path, mostUkiBytes);
  } catch (error) {
    throw new Failure(
      {
        code: "FILE_UNREADABLE",
        kind: "usage",
        message: `--uki: ${path} can't be read: ${reasonOf(error)}.`,
        remedy: "Name the unified kernel image (.efi) that lies in the disk's EFI system partition.",
      },
      { cause: error },
    );
  }
}
