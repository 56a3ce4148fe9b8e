/**
 * Standard base64 (RFC 4648, section 4) in its one canonical form: padded, no line breaks, unused bits zero. Node's
 * decoder skips what it doesn't know, so that two texts could mean the same bytes; here only one does.
 */
export function decodeBase64(text: string): Buffer<ArrayBuffer> | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}
