import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where neko-trust keeps things outside the tree. Nothing secret or changing is ever written inside a checkout. */
export interface Directories {
  /** The checkout (the folder of Pulumi.yaml). */
  readonly checkout: string;
  /** Built tools, by version; survives `make down`. `$NEKO_TRUST_CACHE`, else `$XDG_CACHE_HOME/neko-trust`. */
  readonly cache: string;
  /** What belongs to this checkout's lab: roots, keys, engine state, journal. Removed by `make down`. */
  readonly state: string;
  /** Pid files and logs, inside the checkout and ignored by git: `.lab/`. */
  readonly run: string;
}

/** Directories of a checkout, from the environment given (XDG Base Directory Specification). */
export function directoriesOf(
  checkout: string,
  environment: Readonly<Record<string, string | undefined>>,
): Directories {
  const root = realpathSync(checkout);
  const id = createHash("sha256").update(root).digest("hex").slice(0, 12);
  const home = environment["HOME"] ?? homedir();
  const cacheHome = environment["XDG_CACHE_HOME"] ?? join(home, ".cache");
  const stateHome = environment["XDG_STATE_HOME"] ?? join(home, ".local", "state");
  return {
    checkout: root,
    cache: environment["NEKO_TRUST_CACHE"] ?? join(cacheHome, "neko-trust"),
    state: join(environment["NEKO_TRUST_STATE"] ?? join(stateHome, "neko-trust"), id),
    run: join(root, ".lab"),
  };
}
