import { createHash } from "node:crypto";
import { measureFailure } from "./measure-failure.ts";

/** A section of a PE image. */
export interface PeSection {
  /** Up to 8 characters. */
  readonly name: string;
  readonly virtualSize: number;
  /** What the file has of it: a view. */
  readonly raw: Uint8Array;
}

export interface PeImage {
  readonly sections: readonly PeSection[];
  /** SHA-384 of what Authenticode signs, 96 hex digits: what firmware measures of an application. */
  readonly authenticode: string;
}

/** No kernel image is larger; positions stay far below what numbers can hold. */
const mostBytes = 1024 ** 3;
const mostSections = 96;
const securityDirectory = 4;

/**
 * Reads a PE32+ image for x86-64 (Microsoft PE Format) and hashes it as firmware does (Windows Authenticode Portable
 * Executable Signature Format, "Calculating the PE Image Hash"; edk2, OvmfPkg/Tcg/TdTcg2Dxe/MeasureBootPeCoff.c): all but the
 * checksum, the certificate table and its directory entry. Nothing is padded: who signs an image fills it up to eight bytes
 * first, and hashes what then is another file. Files that could be read in two ways (sections that overlap or leave gaps, a
 * certificate table elsewhere than at the end) are refused. Throws PE_INVALID.
 */
export function parsePe(bytes: Uint8Array, what: string): PeImage {
  const invalid = (why: string): Error => measureFailure("PE_INVALID", `${what} can't be measured: ${why}.`);
  if (bytes.length > mostBytes) throw invalid(`it has more than ${mostBytes} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u16 = (offset: number): number => {
    if (offset + 2 > bytes.length) throw invalid("it ends within its headers");
    return view.getUint16(offset, true);
  };
  const u32 = (offset: number): number => {
    if (offset + 4 > bytes.length) throw invalid("it ends within its headers");
    return view.getUint32(offset, true);
  };
  if (u16(0) !== 0x5a4d) throw invalid("it does not begin with MZ");
  const pe = u32(0x3c);
  if (pe < 0x40 || u32(pe) !== 0x0000_4550) throw invalid("it has no PE signature");
  if (u16(pe + 4) !== 0x8664) throw invalid(`its machine is 0x${u16(pe + 4).toString(16)}, not x86-64`);
  const count = u16(pe + 6);
  const optional = pe + 24;
  const optionalSize = u16(pe + 20);
  if (u16(optional) !== 0x020b) throw invalid("it is no PE32+");
  const directories = u32(optional + 108);
  // The directory entry of the certificate table is not hashed, so it must be where the headers say.
  if (directories <= securityDirectory || directories > 16 || optionalSize < 112 + directories * 8) {
    throw invalid(`it has ${directories} data directories in an optional header of ${optionalSize} bytes`);
  }
  const checksum = optional + 64;
  const security = optional + 112 + securityDirectory * 8;
  const headers = u32(optional + 60);
  const table = optional + optionalSize;
  if (count === 0 || count > mostSections) throw invalid(`it has ${count} sections`);
  if (headers < table + count * 40 || headers > bytes.length) throw invalid(`its headers end at ${headers}`);

  const sections: PeSection[] = [];
  const places: { readonly at: number; readonly size: number }[] = [];
  for (let index = 0; index < count; index += 1) {
    const header = table + index * 40;
    const [size, at] = [u32(header + 16), u32(header + 20)];
    const name = sectionName(bytes.subarray(header, header + 8));
    if (name === undefined) throw invalid(`section ${index + 1} has no plain name`);
    if (size > 0) places.push({ at, size });
    sections.push({
      name,
      virtualSize: u32(header + 8),
      raw: size === 0 ? new Uint8Array() : bytes.subarray(at, at + size),
    });
  }
  let end = headers;
  for (const { at, size } of places.sort((a, b) => a.at - b.at)) {
    if (at !== end) throw invalid(`a section begins at ${at}, where ${end} was next`);
    end = at + size;
    if (end > bytes.length) throw invalid(`it ends within the section at ${at}`);
  }
  const certificates = { at: u32(security), size: u32(security + 4) };
  let signed = bytes.length;
  if (certificates.size > 0 || certificates.at > 0) {
    signed = certificates.at;
    if (signed < end || signed + certificates.size !== bytes.length) {
      throw invalid("its certificate table is not what the file ends with");
    }
  }
  const hash = createHash("sha384")
    .update(bytes.subarray(0, checksum))
    .update(bytes.subarray(checksum + 4, security))
    .update(bytes.subarray(security + 8, signed));
  return { sections, authenticode: hash.digest("hex") };
}

/** Padded with NUL; only visible ASCII before it. */
function sectionName(bytes: Uint8Array): string | undefined {
  return /^([!-~]+)\0*$/.exec(Buffer.from(bytes).toString("latin1"))?.[1];
}
