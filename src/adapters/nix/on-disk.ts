import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "../../core/failure.ts";
import { parseStorePath } from "../../core/nix/store-path.ts";
import { removeTree } from "../trees/remove-tree.ts";
import type { Nix } from "./nix.ts";
import { placeOfStorePath } from "./store-place.ts";

/**
 * Calls `use` with a place on disk that holds a store's object: where the store keeps it, or a copy of a store that is
 * elsewhere, which is removed afterwards. Throws NIX_FAILED and what `use` throws.
 */
export async function withStorePath<T>(
  nix: Nix,
  storePath: string,
  use: (place: string) => Promise<T> | T,
): Promise<T> {
  const place = placeOfStorePath(storePath, nix.settings.store);
  if (place !== undefined) return use(place);
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-store-path-"));
  try {
    const copy = join(folder, "tree");
    await restore(nix, parseStorePath(storePath).path, copy);
    return await use(copy);
  } finally {
    removeTree(folder);
  }
}

/** `nix store dump-path … | nix-store --restore …`, without a shell. */
async function restore(nix: Nix, storePath: string, target: string): Promise<void> {
  const { environment, signal, store } = nix.settings;
  signal?.throwIfAborted();
  const options = { env: environment, ...(signal === undefined ? {} : { signal }) };
  const features = ["--extra-experimental-features", "nix-command"];
  const from = store === undefined ? [] : ["--store", store];
  const reader = spawn("nix", [...features, "store", "dump-path", ...from, storePath], {
    ...options,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const writer = spawn("nix-store", ["--restore", target], { ...options, stdio: ["pipe", "ignore", "ignore"] });
  // Who reads has ended early: its exit code says so.
  writer.stdin.on("error", () => undefined);
  reader.stdout.pipe(writer.stdin);
  const ended = (await Promise.all([once(reader, "close"), once(writer, "close")])) as [number | null][];
  signal?.throwIfAborted();
  if (ended.every(([code]) => code === 0)) return;
  throw new Failure({
    code: "NIX_FAILED",
    kind: "unavailable",
    message: `${storePath} can't be read from ${store ?? "Nix's store"}.`,
    remedy: "Check that the store has it and can be reached, for example with `nix path-info --store <store> <path>`.",
  });
}
