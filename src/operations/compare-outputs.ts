import { existsSync } from "node:fs";
import { join } from "node:path";
import { hashPath } from "../adapters/nix/hash-path.ts";
import { openImageLayout } from "../adapters/oci-layout/open-image-layout.ts";
import { compareTrees } from "../adapters/trees/compare-trees.ts";
import type { TreeDifference } from "../adapters/trees/compare-trees.ts";
import { runDiffoscope } from "../adapters/trees/run-diffoscope.ts";
import { Failure } from "../core/failure.ts";
import { legible } from "../core/legible.ts";
import type { Digest } from "../core/oci/digest.ts";

/** Two builds of one output. */
export interface OutputComparison {
  readonly output: string;
  readonly storePath: string;
  readonly equal: boolean;
  /** SRI, of the first and the second. */
  readonly narHashes: readonly [string, string];
  /** Digests of the image that each holds, when the output is an OCI layout directory of one image. */
  readonly images?: readonly [Digest | undefined, Digest | undefined];
  /** The first files that differ, `maxDifferences` at most. */
  readonly differences: readonly TreeDifference[];
  /** What diffoscope says, when it is there. */
  readonly diffoscope?: readonly string[];
}

/** As many as can be read; more of them say nothing new. */
export const maxDifferences = 20;
const maxDiffoscopeLines = 200;

export async function compareOutputs(
  places: { readonly output: string; readonly storePath: string; readonly first: string; readonly second: string },
  context: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<OutputComparison> {
  const { output, storePath, first, second } = places;
  const { signal } = context;
  const options = signal === undefined ? {} : { signal };
  const one = await hashPath(first, options);
  const other = first === second ? one : await hashPath(second, options);
  const equal = one.narHash === other.narHash;
  const images = [await imageOf(first, signal), await imageOf(second, signal)] as const;
  const differences = equal ? [] : compareTrees(first, second, maxDifferences);
  const diffoscope = equal
    ? undefined
    : await runDiffoscope(first, second, { ...context, maxLines: maxDiffoscopeLines });
  return {
    output,
    storePath,
    equal,
    narHashes: [one.narHash, other.narHash],
    ...(images.every((image) => image === undefined) ? {} : { images }),
    differences,
    ...(diffoscope === undefined ? {} : { diffoscope: diffoscope.map(legible) }),
  };
}

/** The digest of the image that lies there, if one does. */
async function imageOf(place: string, signal: AbortSignal | undefined): Promise<Digest | undefined> {
  if (!existsSync(join(place, "oci-layout"))) return undefined;
  try {
    return (await openImageLayout(place, place, signal)).manifest.digest;
  } catch (error) {
    // A layout that holds no image of its own is compared as a tree alone.
    if (error instanceof Failure && error.code.startsWith("LAYOUT_")) return undefined;
    throw error;
  }
}
