import { Failure } from "../../failure.ts";

/** Takes an archive piece by piece and gives the disk in it. */
export interface DiskTar {
  readonly feed: (bytes: Uint8Array) => void;
  /** Called after the last piece: how many bytes the disk has. Throws DISK_ARTIFACT_INVALID when the archive is not whole. */
  readonly end: () => number;
}

const block = 512;
const mostSegments = 1 << 16;
const zeros = new Uint8Array(1 << 20);

interface Segment {
  readonly at: number;
  readonly length: number;
}

/**
 * Reads a disk artifact as Google Compute Engine takes it: a tar archive (GNU or ustar) whose one member is `disk.raw`, plain
 * or sparse in GNU's old format (`tar --format=oldgnu --sparse`; GNU tar manual, "Storing Sparse Files"). `raw` gets every
 * byte of the disk in order, holes as zeros. Throws DISK_ARTIFACT_INVALID, DISK_TOO_LARGE (more than `most` bytes).
 */
export function createDiskTar(raw: (piece: Uint8Array) => void, most: number): DiskTar {
  let held: Buffer = Buffer.alloc(0);
  let state: "header" | "map" | "data" | "trailer" = "header";
  let size = 0;
  let segments: Segment[] = [];
  let written = 0;
  let left = 0;
  let padding = 0;
  let current = 0;

  function skipTo(position: number): void {
    while (written < position) {
      const length = Math.min(zeros.length, position - written);
      written += length;
      raw(zeros.subarray(0, length));
    }
  }

  /** The map is complete: its segments must be what the member has bytes for, in order, within the disk. */
  function beginData(): void {
    let end = 0;
    let stored = 0;
    for (const { at, length } of segments) {
      if (at < end || at + length > size) throw invalid("its map of a sparse disk contradicts itself");
      end = at + length;
      stored += length;
    }
    if (stored !== left) throw invalid("its map of a sparse disk is not that of its bytes");
    padding = (block - (stored % block)) % block;
    state = "data";
    nextSegment();
  }

  function nextSegment(): void {
    while (current < segments.length && segments[current]?.length === 0) current += 1;
    skipTo(segments[current]?.at ?? size);
  }

  function readHeader(header: Buffer): void {
    const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
    const text = (from: number, to: number): string => header.toString("latin1", from, to).replace(/\0.*$/s, "");
    if (!header.toString("latin1", 257, 262).startsWith("ustar")) throw invalid("it holds no tar archive");
    if (number(header.subarray(148, 156)) !== sum) throw invalid("its header's checksum is wrong");
    const name = text(0, 100);
    if (name !== "disk.raw") throw invalid(`its member is ${JSON.stringify(name.slice(0, 80))}, not disk.raw`);
    const type = header.toString("latin1", 156, 157);
    left = number(header.subarray(124, 136));
    size = type === "S" ? number(header.subarray(483, 495)) : left;
    if (size > most) throw tooLarge(most);
    if (type === "0" || type === "\0") segments = [{ at: 0, length: size }];
    else if (type === "S") segments = segmentsOf(header.subarray(386, 386 + 4 * 24));
    else throw invalid(`its member is of type ${JSON.stringify(type)}, not a file`);
    if (type === "S" && header[482] === 1) state = "map";
    else beginData();
  }

  function readMap(bytes: Buffer): void {
    segments.push(...segmentsOf(bytes.subarray(0, 21 * 24)));
    if (segments.length > mostSegments) throw invalid("its map of a sparse disk has too many parts");
    if (bytes[504] !== 1) beginData();
  }

  /** Consumes what it can; false when it needs more. */
  function step(): boolean {
    switch (state) {
      case "header":
      case "map": {
        if (held.length < block) return false;
        const bytes = held.subarray(0, block);
        held = held.subarray(block);
        if (state === "header") readHeader(bytes);
        else readMap(bytes);
        return true;
      }
      case "data": {
        const segment = segments[current];
        if (segment !== undefined) {
          const length = Math.min(held.length, segment.at + segment.length - written);
          if (length === 0) return false;
          raw(held.subarray(0, length));
          written += length;
          held = held.subarray(length);
          if (written === segment.at + segment.length) {
            current += 1;
            nextSegment();
          }
          return true;
        }
        if (held.length < padding) return false;
        held = held.subarray(padding);
        state = "trailer";
        return true;
      }
      case "trailer":
        if (held.some((byte) => byte !== 0)) throw invalid("more than disk.raw is in it");
        held = Buffer.alloc(0);
        return false;
    }
  }

  return {
    feed(bytes) {
      held =
        held.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([held, bytes]);
      while (step());
    },
    end() {
      if (state !== "trailer") throw invalid("it ends too early");
      return size;
    },
  };
}

/** Entries of 12 bytes offset and 12 bytes length; those after the last are empty. */
function segmentsOf(bytes: Buffer): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at < bytes.length; at += 24) {
    if (bytes[at] === 0) break;
    segments.push({ at: number(bytes.subarray(at, at + 12)), length: number(bytes.subarray(at + 12, at + 24)) });
  }
  return segments;
}

/** Octal digits, or GNU's binary form for what has too many of them. */
function number(field: Buffer): number {
  if (field[0] === 0x80) {
    const value = field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw invalid("a number in its header is out of range");
    return value;
  }
  const text = /^ *([0-7]{1,12})[ \0]*$/.exec(field.toString("latin1"))?.[1];
  if (text === undefined) throw invalid("a number in its header is none");
  return Number.parseInt(text, 8);
}

function invalid(why: string): Failure {
  return new Failure({
    code: "DISK_ARTIFACT_INVALID",
    kind: "refused",
    message: `The disk artifact can't be read: ${why}.`,
    remedy: "Make it with: tar --format=oldgnu -Sczf disk.tar.gz disk.raw",
  });
}

function tooLarge(most: number): Failure {
  return new Failure({
    code: "DISK_TOO_LARGE",
    kind: "refused",
    message: `The disk in the artifact has more than ${most} bytes.`,
    remedy: "Check that it is the signer's disk: it is a few gigabytes.",
  });
}
