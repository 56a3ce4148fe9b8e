import canonicalize from "canonicalize";

/** RFC 8785 bytes of a JSON value: what digests of documents (manifest, SBOM, policy) are computed over. */
export function canonicalBytes(value: unknown): Uint8Array {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("not a JSON value");
  return new TextEncoder().encode(text);
}
