import canonicalize from "canonicalize";

/** RFC 8785 bytes of a JSON value: what digests of documents (manifest, SBOM, policy) are computed over. */
export function canonicalBytes(value: unknown): Uint8Array {
  // JSON.stringify is RFC 8785's serialization (section 3.2.2) of all but the order of keys.
  const text = isOrdered(value, 0) ? JSON.stringify(value) : canonicalize(value);
  if (text === undefined) throw new TypeError("not a JSON value");
  return new TextEncoder().encode(text);
}

/** Deeper values are left to the library, which does not recurse. */
const deepest = 64;

/**
 * Whether a value is plain JSON whose keys are in RFC 8785's order everywhere, as in documents that were written in its
 * form and parsed. False says nothing.
 */
function isOrdered(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
      return value.isWellFormed();
    case "number":
      return Number.isFinite(value);
    case "boolean":
      return true;
    case "object":
      if (value === null) return true;
      if (depth >= deepest || "toJSON" in value) return false;
      if (Array.isArray(value)) return value.every((part) => isOrdered(part, depth + 1));
      return isOrderedObject(value, depth);
    case "bigint":
    case "function":
    case "symbol":
    case "undefined":
      return false;
  }
}

function isOrderedObject(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  let last = "";
  let isFirst = true;
  for (const [key, part] of Object.entries(value)) {
    // By UTF-16 code units (section 3.2.3), as the operator compares.
    if ((!isFirst && !(last < key)) || !key.isWellFormed() || !isOrdered(part, depth + 1)) return false;
    last = key;
    isFirst = false;
  }
  return true;
}
