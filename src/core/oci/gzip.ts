import { constants, gzipSync } from "node:zlib";

/**
 * gzip with every setting pinned. This is the one module of core that uses node:zlib: a pure function of its input,
 * without I/O, clock or environment, like node:crypto's hashes.
 *
 * How far it repeats: the header is written here (no name, no time, "unknown" operating system), and the deflate
 * settings are fixed, memory level 8 included, as zlib's fast paths differ between processors at other levels. Another
 * zlib may still compress otherwise, so a rebuild must use the same Node.js; what binds is always the digest of the
 * bytes that were published, and `diff_ids` of the uncompressed ones. Use uncompressed layers where neither suffices.
 */
export function gzipPinned(bytes: Uint8Array): Uint8Array {
  const compressed = gzipSync(bytes, {
    level: 9,
    memLevel: 8,
    windowBits: 15,
    strategy: constants.Z_DEFAULT_STRATEGY,
  });
  // RFC 1952, section 2.3: no flags, no time, "maximum compression", operating system unknown.
  compressed.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255], 0);
  return Uint8Array.from(compressed);
}
