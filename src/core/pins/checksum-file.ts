/**
 * The SHA-256 that a file of checksums (`sha256sum`'s format: hex, two spaces or a space and a star, name) has for a
 * file, as `sha256:…`; undefined where it has none, or several that differ.
 */
export function checksumOf(text: string, file: string): string | undefined {
  const found = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    const [, hex, name] = /^([0-9a-f]{64}) [ *](\S+)$/.exec(line) ?? [];
    if (hex !== undefined && name === file) found.add(`sha256:${hex}`);
  }
  const [only, ...more] = found;
  return more.length === 0 ? only : undefined;
}
