import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initTUF } from "@sigstore/tuf";
import { sha256Hex } from "../../core/oci/digest.ts";
import { writeWhole } from "../files/write-whole.ts";
import { tufFailure } from "./tuf-failure.ts";

/** The public-good Sigstore's repository, for which the library brings the first root along. */
export const publicGoodMirror = "https://tuf-repo-cdn.sigstore.dev";

const target = "trusted_root.json";

export interface TufRepository {
  /** URL without a slash at its end. */
  readonly mirror: string;
  /** The root.json to start from; left out for `publicGoodMirror`. */
  readonly root?: Uint8Array;
  /** Folder where the metadata that was seen last is kept, so that a repository can't go back behind it. */
  readonly memory: string;
}

/** What TUF remembers from one time to the next (specification, section 5.1): never a target. */
const remembered = ["root.json", "timestamp.json", "snapshot.json", "targets.json"] as const;

/**
 * Fetches trusted_root.json as the TUF client workflow has it (root chain, expiry, rollback, hashes). The library works
 * in a private temporary folder, never in the folder that other Sigstore clients share. Only this one target is asked
 * for, by a fixed name, so that no name in the metadata becomes a path (CVE-2026-24137). Throws what `tufFailure` makes
 * of an error, or the signal's reason.
 */
export async function fetchTrustedRoot(repository: TufRepository, signal: AbortSignal): Promise<Uint8Array> {
  const { mirror } = repository;
  const folder = mkdtempSync(join(tmpdir(), "neko-tuf-"));
  try {
    const rootPath = join(folder, "first-root.json");
    if (repository.root !== undefined) writeFileSync(rootPath, repository.root);
    const cachePath = join(folder, "cache");
    const { host, pathname } = new URL(mirror);
    // As the library names it (@sigstore/tuf, client.js).
    const cache = join(cachePath, encodeURIComponent(host + pathname.replace(/\/$/, "")));
    const memory = join(
      repository.memory,
      sha256Hex(Buffer.concat([Buffer.from(`${mirror}\n`), repository.root ?? Buffer.alloc(0)])),
    );
    recall(memory, cache);
    const options = { mirrorURL: mirror, cachePath, retry: { retries: 2 }, timeout: 20_000 };
    const text = await interruptible(
      initTUF(repository.root === undefined ? options : { ...options, rootPath }).then((tuf) => tuf.getTarget(target)),
      signal,
    );
    // The library decodes leniently: other bytes than those that were verified must not be pinned.
    if (text.includes("\u{fffd}")) throw new Error(`${target} is no UTF-8`);
    keep(cache, memory);
    return Buffer.from(text);
  } catch (error) {
    if (signal.aborted) throw error;
    throw tufFailure(error, mirror, target);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The library takes no signal: what it does is left to end by itself. */
async function interruptible<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => {
    reject(signal.reason as Error);
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
    // It may still fail after an interruption; nobody waits for it any more.
    work.catch(() => undefined);
  }
}

function recall(memory: string, cache: string): void {
  mkdirSync(cache, { recursive: true });
  for (const name of remembered) {
    const bytes = readIfThere(join(memory, name));
    if (bytes !== undefined) writeFileSync(join(cache, name), bytes);
  }
}

function keep(cache: string, memory: string): void {
  for (const name of remembered) {
    const bytes = readIfThere(join(cache, name));
    if (bytes !== undefined) writeWhole(join(memory, name), bytes);
  }
}

/** A file's bytes when it holds JSON: what a crash or a full disk left there must not stop every later update. */
function readIfThere(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(path);
    JSON.parse(bytes.toString());
    return bytes;
  } catch {
    return undefined;
  }
}
