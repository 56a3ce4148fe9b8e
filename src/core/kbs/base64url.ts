/**
 * Base64url without padding (RFC 7515, section 2) in its one canonical form: unused bits zero, nothing skipped. Undefined for
 * anything else.
 */
export function decodeBase64Url(text: string): Buffer<ArrayBuffer> | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
