import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashPath } from "../adapters/nix/hash-path.ts";
import { nameOf } from "../adapters/nix/nix.ts";
import type { Installable, Nix, NixBuild } from "../adapters/nix/nix.ts";
import { withStorePath } from "../adapters/nix/on-disk.ts";
import { placeOfStorePath } from "../adapters/nix/store-place.ts";
import { removeTree } from "../adapters/trees/remove-tree.ts";
import { Failure } from "../core/failure.ts";
import { legible } from "../core/legible.ts";
import { compareOutputs } from "./compare-outputs.ts";
import type { OutputComparison } from "./compare-outputs.ts";
import { requireSandbox, withStoreNamed } from "./require-sandbox.ts";

/** Where the second build is made: in the same store, in another one, or at other machines. */
export type ReproAgainst =
  | { readonly kind: "same"; readonly times: number }
  | { readonly kind: "store"; readonly store: string }
  | { readonly kind: "builders"; readonly builders: string };

export interface ReproRequest {
  readonly installable: Installable;
  readonly against: ReproAgainst;
  readonly progress?: (line: string) => void;
}

export interface ReproResult {
  readonly installable: string;
  readonly derivation: string;
  readonly system: string;
  readonly equal: boolean;
  readonly outputs: readonly OutputComparison[];
  /** What Nix kept of a build that differed and this user may not remove. */
  readonly left: readonly string[];
}

/**
 * Builds, builds again, and compares bytes: NAR hashes, and image digests where the output is an OCI layout. Throws
 * NIX_SANDBOX_OFF, NIX_STORE_CHANGED, REPRO_OTHER_DERIVATION, REPRO_NOT_BUILT_THERE and what Nix's adapter throws.
 */
export async function reproCheck(given: Nix, request: ReproRequest): Promise<ReproResult> {
  const { installable, against, progress = () => undefined } = request;
  // What other machines build is not kept in by this machine's sandbox.
  const { nix, config } = against.kind === "builders" ? await withStoreNamed(given) : await requireSandbox(given);
  const name = nameOf(installable);
  progress(`building ${name}`);
  const built = await nix.build(installable);
  const kept: string[] = [];
  try {
    const outputs = await compare(nix, built, request, kept);
    const equal = outputs.every((output) => output.equal);
    const { derivation } = built;
    return { installable: name, derivation, system: config.system, equal, outputs, left: removeAll(kept) };
  } finally {
    removeAll(kept);
  }
}

function compare(nix: Nix, built: NixBuild, request: ReproRequest, kept: string[]): Promise<OutputComparison[]> {
  const { against, installable, progress = () => undefined } = request;
  switch (against.kind) {
    case "same":
      return buildAgain(nix, installable, built, against.times, progress, kept);
    case "store": {
      progress(`building it in ${against.store}`);
      return buildElsewhere(nix, nix.with({ store: against.store }), installable, built, kept);
    }
    case "builders":
      progress(`building it at ${against.builders}`);
      return buildAtBuilders(nix, against.builders, installable, built, kept);
  }
}

/** Builds again in the same store; the output that differs lies beside the first as `.check`. */
async function buildAgain(
  nix: Nix,
  installable: Installable,
  built: NixBuild,
  times: number,
  progress: (line: string) => void,
  kept: string[],
): Promise<OutputComparison[]> {
  let same = true;
  for (let count = 2; same && count <= times; count++) {
    progress(`building it again (${count} of ${times})`);
    same = await isSameAgain(nix, installable, kept);
  }
  return await Promise.all(
    Array.from(built.outputs, async ([output, storePath]) => {
      // One that an earlier run left says nothing of this one.
      const again = same ? undefined : placeOfStorePath(`${storePath}.check`, nix.settings.store);
      if (again !== undefined) kept.push(again);
      return await withStorePath(nix, storePath, async (place) => {
        await requireUnchanged(nix, storePath, place);
        return await compareOutputs({ output, storePath, first: place, second: again ?? place }, nix.settings);
      });
    }),
  );
}

/** Whether a rebuild gives the same; notes the build folder that Nix keeps when it does not. */
async function isSameAgain(nix: Nix, installable: Installable, kept: string[]): Promise<boolean> {
  const onLine = (line: string): void => {
    const folder = /note: keeping build directory '([^']+)'/.exec(line)?.[1];
    // Only what Nix itself made for a build: `/tmp/nix-build-<name>.drv-0`, or `nix-<pid>-<number>` from 2.31 on.
    if (folder !== undefined && /\/nix-(?:build-[^/]+|\d+-\d+)(?:\/build)?$/.test(folder)) kept.push(folder);
    nix.settings.onLine?.(line);
  };
  try {
    await nix.with({ onLine }).build(installable, { again: true });
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "NIX_NOT_DETERMINISTIC") return false;
    throw error;
  }
}

/** The store's own record must be what lies on its disk, else a comparison says nothing of the build. */
async function requireUnchanged(nix: Nix, storePath: string, place: string): Promise<void> {
  const [info] = await nix.pathInfo([storePath]);
  const { narHash } = await hashPath(place, { ...(nix.settings.signal && { signal: nix.settings.signal }) });
  if (info?.narHash === narHash) return;
  throw new Failure({
    code: "NIX_STORE_CHANGED",
    kind: "refused",
    message: `${storePath} was changed after it was built: the store recorded ${info?.narHash ?? "nothing"}, its files give ${narHash}.`,
    remedy: "Run `nix store repair` on it (and find out who writes into the store), then try again.",
  });
}

/** Builds in another store, so that nothing of this store's output can be taken for it. */
async function buildElsewhere(
  nix: Nix,
  other: Nix,
  installable: Installable,
  built: NixBuild,
  kept: string[],
): Promise<OutputComparison[]> {
  const there = await other.build(installable);
  requireSameDerivation(built, there);
  const infos = await other.pathInfo([...there.outputs.values()]);
  // What that store took from somebody is no second build: then it is built again there.
  const same = infos.every((info) => info.ultimate) || (await isSameAgain(other, installable, kept));
  return await comparePairs(nix, other, built, there, same ? "" : ".check", kept);
}

/** Builds in a new store that may only use other machines: nothing is there to be taken for the result. */
async function buildAtBuilders(
  nix: Nix,
  builders: string,
  installable: Installable,
  built: NixBuild,
  kept: string[],
): Promise<OutputComparison[]> {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-store-"));
  kept.push(folder);
  const builtThere: string[] = [];
  const other = nix.with({
    store: `local?root=${folder}`,
    options: [...(nix.settings.options ?? []), { name: "builders", value: builders }, { name: "max-jobs", value: "0" }],
    onLine: (line) => {
      if (line.startsWith(`building '${built.derivation}' on '`)) builtThere.push(line);
      nix.settings.onLine?.(line);
    },
  });
  const there = await other.build(installable);
  requireSameDerivation(built, there);
  if (builtThere.length === 0) throw notBuiltThere(nameOf(installable), builders);
  return await comparePairs(nix, other, built, there, "", kept);
}

async function comparePairs(
  nix: Nix,
  other: Nix,
  built: NixBuild,
  there: NixBuild,
  suffix: string,
  kept: string[],
): Promise<OutputComparison[]> {
  const compared: OutputComparison[] = [];
  for (const [output, storePath] of built.outputs) {
    const otherPath = there.outputs.get(output) ?? storePath;
    const checked = suffix === "" ? undefined : placeOfStorePath(`${otherPath}${suffix}`, other.settings.store);
    if (checked !== undefined) kept.push(checked);
    const own = (second: string): Promise<OutputComparison> =>
      withStorePath(nix, storePath, (first) => compareOutputs({ output, storePath, first, second }, nix.settings));
    compared.push(checked === undefined ? await withStorePath(other, otherPath, own) : await own(checked));
  }
  return compared;
}

function requireSameDerivation(built: NixBuild, there: NixBuild): void {
  if (built.derivation === there.derivation) return;
  throw new Failure({
    code: "REPRO_OTHER_DERIVATION",
    kind: "refused",
    message: `Here ${built.derivation} is built, there ${there.derivation}: these are different instructions.`,
    remedy: "Use the same source, lock file and system in both, and an expression that does not look at the machine.",
  });
}

function notBuiltThere(name: string, builders: string): Failure {
  return new Failure({
    code: "REPRO_NOT_BUILT_THERE",
    kind: "refused",
    message: `${name} was not built at ${builders}: a cache gave it, so that there is no second build to compare with.`,
    remedy: "Leave that cache out: --option substituters=https://cache.nixos.org --option extra-substituters=",
  });
}

/** Removes what can be removed, and tells what can't. */
function removeAll(paths: readonly string[]): string[] {
  return paths.filter((path) => existsSync(path) && !removeTree(path)).map(legible);
}
