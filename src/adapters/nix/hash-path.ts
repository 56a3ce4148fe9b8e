import { createHash } from "node:crypto";
import { sriOfSha256 } from "../../core/nix/hash-formats.ts";
import { createNarWriter } from "../../core/nix/nar-writer.ts";
import { writePath } from "./write-path.ts";
import type { NarDigest } from "../../core/nix/nar.ts";

/**
 * The NAR hash and size of what lies at a path, as `nix hash path` prints it. A symbolic link at the path itself is
 * hashed as a link. Streams: memory does not grow with the size of the files.
 *
 * Throws PATH_NOT_FOUND, PATH_UNREADABLE, PATH_UNSUPPORTED and PATH_CHANGED; an aborted signal throws its reason.
 */
export async function hashPath(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<NarDigest> {
  const hash = createHash("sha256");
  const writer = createNarWriter((chunk) => hash.update(chunk));
  await writePath(writer, path, options.signal);
  const narSize = writer.end();
  return { narHash: sriOfSha256(hash.digest()), narSize };
}
