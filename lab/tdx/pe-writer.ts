/** One section to be written. */
export interface SectionToWrite {
  /** At most 8 characters. */
  readonly name: string;
  readonly data: Uint8Array;
  /** Left out: the data's length. */
  readonly virtualSize?: number;
}

export interface PeLayout {
  /** Appended as the certificate table: what a signature would be. */
  readonly certificates?: Uint8Array;
  /** Bytes behind the last section, as build tools leave debug data. */
  readonly overlay?: Uint8Array;
  readonly fileAlignment?: number;
}

/** Positions in what `writePe` writes, for those who change single bytes. */
export const peOffsets = {
  checksum: 0x80 + 24 + 64,
  security: 0x80 + 24 + 112 + 32,
  sections: 0x80 + 24 + 240,
} as const;

const peOffset = 0x80;
const optionalBytes = 240;

/** A PE32+ image for x86-64 (Microsoft PE Format) that no machine runs: headers and sections as linkers and ukify lay them out. */
export function writePe(sections: readonly SectionToWrite[], layout: PeLayout = {}): Buffer {
  const { certificates = new Uint8Array(), overlay = new Uint8Array(), fileAlignment = 512 } = layout;
  const align = (value: number, to: number): number => Math.ceil(value / to) * to;
  const headerBytes = align(peOffset + 24 + optionalBytes + sections.length * 40, fileAlignment);
  const headers = Buffer.alloc(headerBytes);
  headers.write("MZ", 0, "latin1");
  headers.writeUInt32LE(peOffset, 0x3c);
  headers.write("PE\0\0", peOffset, "latin1");
  headers.writeUInt16LE(0x8664, peOffset + 4);
  headers.writeUInt16LE(sections.length, peOffset + 6);
  headers.writeUInt16LE(optionalBytes, peOffset + 20);
  headers.writeUInt16LE(0x0206, peOffset + 22); // executable, no line numbers, no debug information
  const optional = peOffset + 24;
  headers.writeUInt16LE(0x020b, optional);
  headers.writeUInt32LE(0x1000, optional + 32); // section alignment
  headers.writeUInt32LE(fileAlignment, optional + 36);
  headers.writeUInt32LE(headerBytes, optional + 60);
  headers.writeUInt16LE(10, optional + 68); // subsystem: EFI application
  headers.writeUInt32LE(16, optional + 108); // data directories
  const bodies: Buffer[] = [];
  let at = headerBytes;
  let address = 0x1000;
  for (const [index, { name, data, virtualSize = data.length }] of sections.entries()) {
    const header = peOffset + 24 + optionalBytes + index * 40;
    const body = Buffer.alloc(align(data.length, fileAlignment));
    body.set(data);
    headers.write(name.padEnd(8, "\0"), header, 8, "latin1");
    headers.writeUInt32LE(virtualSize, header + 8);
    headers.writeUInt32LE(address, header + 12);
    headers.writeUInt32LE(body.length, header + 16);
    headers.writeUInt32LE(body.length === 0 ? 0 : at, header + 20);
    headers.writeUInt32LE(0x4000_0040, header + 36); // initialised data, readable
    bodies.push(body);
    at += body.length;
    address += align(Math.max(virtualSize, 1), 0x1000);
  }
  headers.writeUInt32LE(address, optional + 56); // size of the image in memory
  if (certificates.length > 0) {
    headers.writeUInt32LE(at + overlay.length, peOffsets.security);
    headers.writeUInt32LE(certificates.length, peOffsets.security + 4);
  }
  return Buffer.concat([headers, ...bodies, overlay, certificates]);
}
