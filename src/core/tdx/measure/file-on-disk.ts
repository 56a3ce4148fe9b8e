import { sectorBytes } from "./gpt.ts";

/** Looks for a file in a partition that passes by sector after sector. */
export interface FileSearch {
  /** The next bytes; whole sectors but for the last call. */
  readonly feed: (bytes: Uint8Array) => void;
  readonly found: () => boolean;
}

/** More beginnings of one file than any file system keeps at a time. */
const mostCandidates = 256;

/**
 * Finds a file that lies in one piece and begins at a sector: as file systems store one that is copied to an empty
 * partition. It reads no directory, and so does not tell the file's name.
 */
export function searchFile(file: Uint8Array): FileSearch {
  let candidates: number[] = [];
  let done = false;
  return {
    feed(bytes) {
      for (let at = 0; at < bytes.length && !done; at += sectorBytes) {
        const sector = bytes.subarray(at, at + sectorBytes);
        candidates = [...candidates, 0]
          .filter((position) => {
            const wanted = file.subarray(position, position + sectorBytes);
            return Buffer.compare(wanted, sector.subarray(0, wanted.length)) === 0;
          })
          .map((position) => position + sectorBytes)
          .slice(0, mostCandidates);
        done = candidates.some((position) => position >= file.length);
      }
    },
    found: () => done,
  };
}
