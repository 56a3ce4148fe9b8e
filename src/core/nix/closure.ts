import { Failure } from "../failure.ts";
import { digestOf } from "../oci/digest.ts";
import { sha256OfSri } from "./hash-formats.ts";
import { parseStorePath } from "./store-path.ts";
import type { Digest } from "../oci/digest.ts";

/** One object of a closure: a store path and the SRI hash of its NAR. */
export interface ClosureEntry {
  readonly storePath: string;
  readonly narHash: string;
}

export type ClosureFailureCode =
  /** Nothing is listed: an empty list proves nothing. */
  | "CLOSURE_EMPTY"
  /** One store path with two NAR hashes. */
  | "CLOSURE_CONFLICT"
  /** A document that is no SBOM of the format asked for. */
  | "CLOSURE_DOCUMENT_INVALID"
  /** A package that names a store path without its NAR hash, or the other way round. */
  | "CLOSURE_ENTRY_INCOMPLETE";

export function closureFailure(code: ClosureFailureCode, message: string): Failure {
  return new Failure({
    code,
    kind: "refused",
    message,
    remedy: "Generate the list of store paths and NAR hashes anew from the store that built the image.",
  });
}

/**
 * The closure list digest of a release manifest: SHA-256 of the lines `storePath SP narHash LF`, sorted by bytes. A
 * closure is a set, so equal entries count once. Throws CLOSURE_EMPTY, CLOSURE_CONFLICT, STORE_PATH_INVALID and
 * NIX_HASH_INVALID.
 */
export function closureDigest(entries: readonly ClosureEntry[]): Digest {
  return digestOf(closureLines(entries).join(""));
}

/** The lines that `closureDigest` hashes, each with its line feed. */
export function closureLines(entries: readonly ClosureEntry[]): string[] {
  const hashes = new Map<string, string>();
  for (const { storePath, narHash } of entries) {
    parseStorePath(storePath);
    sha256OfSri(narHash);
    const known = hashes.get(storePath);
    if (known !== undefined && known !== narHash) {
      throw closureFailure("CLOSURE_CONFLICT", `${storePath} is listed with ${known} and with ${narHash}.`);
    }
    hashes.set(storePath, narHash);
  }
  if (hashes.size === 0) throw closureFailure("CLOSURE_EMPTY", "The closure lists no store path.");
  // Both parts are ASCII, checked above, so the order of strings is the order of bytes.
  return Array.from(hashes, ([storePath, narHash]) => `${storePath} ${narHash}\n`).sort();
}
