import { hashPath } from "../adapters/nix/hash-path.ts";

/** The NAR hash of a source tree on disk, as flake.lock has it. Throws as `hashPath`. */
export async function hashSource(path: string, signal: AbortSignal): Promise<string> {
  return (await hashPath(path, { signal })).narHash;
}
