import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * Where a store's object lies on this machine's disk, or undefined when it does not (a remote store). A store at a
 * folder (`/x`, `local?root=/x`) keeps `/nix/store` below it (Nix manual, "Store URL format").
 */
export function placeOfStorePath(storePath: string, store: string | undefined): string | undefined {
  const root = rootOfStore(store);
  if (root === undefined) return undefined;
  const place = join(root, storePath);
  return existsSync(place) ? place : undefined;
}

function rootOfStore(store: string | undefined): string | undefined {
  if (store === undefined || store === "" || store === "auto" || store === "daemon" || store === "local") return "/";
  if (store.startsWith("/")) return store.split("?")[0];
  const [scheme = "", query = ""] = store.split("?");
  if (scheme === "local" || scheme === "local://") return new URLSearchParams(query).get("root") ?? "/";
  if (scheme.startsWith("local:///")) return scheme.slice("local://".length);
  return undefined;
}
