import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Failure } from "../../core/failure.ts";

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

/** The user's home, or undefined: a container's user may have none. An empty HOME is none, as everywhere. */
export function homeOf(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  if (environment["HOME"] !== undefined && environment["HOME"] !== "") return environment["HOME"];
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/**
 * Directories of a checkout, from the environment given (XDG Base Directory Specification). An empty variable is one that
 * is not set. Throws HOME_MISSING (usage).
 */
export function directoriesOf(
  checkout: string,
  environment: Readonly<Record<string, string | undefined>>,
): Directories {
  const root = realpathSync(checkout);
  const id = createHash("sha256").update(root).digest("hex").slice(0, 12);
  const set = (name: string): string | undefined => (environment[name] === "" ? undefined : environment[name]);
  const below = (...parts: readonly string[]): string => join(homeOf(environment) ?? homeMissing(), ...parts);
  const cacheHome = (): string => set("XDG_CACHE_HOME") ?? below(".cache");
  const stateHome = (): string => set("XDG_STATE_HOME") ?? below(".local", "state");
  return {
    checkout: root,
    cache: set("NEKO_TRUST_CACHE") ?? join(cacheHome(), "neko-trust"),
    state: join(set("NEKO_TRUST_STATE") ?? join(stateHome(), "neko-trust"), id),
    run: join(root, ".lab"),
  };
}

function homeMissing(): never {
  throw new Failure({
    code: "HOME_MISSING",
    kind: "usage",
    message: "This user has no home folder, so there is no place for caches and state.",
    remedy: "Set HOME, or both NEKO_TRUST_CACHE and NEKO_TRUST_STATE.",
  });
}
