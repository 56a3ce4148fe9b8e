import { measureFailure } from "./measure-failure.ts";
import { parsePe } from "./pe.ts";
import type { PeSection } from "./pe.ts";

/** A unified kernel image: what firmware and its stub measure of it. */
export interface UnifiedKernelImage {
  /** Authenticode SHA-384 of the whole image. */
  readonly authenticode: string;
  /** Authenticode SHA-384 of the kernel in `.linux`. */
  readonly kernelAuthenticode: string;
  /** The sections' contents as they are in memory: the first `VirtualSize` bytes. Names that begin with a dot. */
  readonly sections: ReadonlyMap<string, Uint8Array>;
}

/** Without one of these an image does not boot a signer, or takes it from somewhere that is not measured. */
const needed = [".linux", ".cmdline", ".initrd"];

/**
 * Reads a unified kernel image (UAPI Group Specification 5). Sections that occur twice make a multi-profile image, whose
 * measurement depends on a choice at boot: refused. Throws PE_INVALID, UKI_SECTION_MISSING.
 */
export function parseUki(bytes: Uint8Array): UnifiedKernelImage {
  const image = parsePe(bytes, "The unified kernel image");
  const sections = new Map<string, Uint8Array>();
  for (const section of image.sections) {
    if (sections.has(section.name)) {
      throw measureFailure("UKI_SECTION_MISSING", `The unified kernel image has ${section.name} more than once.`);
    }
    sections.set(section.name, loaded(section));
  }
  const missing = needed.filter((name) => (sections.get(name)?.length ?? 0) === 0);
  if (missing.length > 0) {
    throw measureFailure("UKI_SECTION_MISSING", `The unified kernel image has no ${missing.join(", no ")}.`);
  }
  const kernel = parsePe(sections.get(".linux") ?? new Uint8Array(), "The kernel in the unified kernel image");
  return { authenticode: image.authenticode, kernelAuthenticode: kernel.authenticode, sections };
}

/** A file has whole sectors of a section; what counts in memory are the first `VirtualSize` bytes. */
function loaded({ name, raw, virtualSize }: PeSection): Uint8Array {
  if (virtualSize <= raw.length) return raw.subarray(0, virtualSize);
  // Data that only exist in memory, such as .bss, are of no interest; what is measured must be in the file as a whole.
  if (name === ".bss" || name === ".data") return raw;
  const why = `its section ${name} has ${virtualSize} bytes in memory and ${raw.length} in the file`;
  throw measureFailure("PE_INVALID", `The unified kernel image can't be measured: ${why}.`);
}
