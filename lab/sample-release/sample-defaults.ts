import { readRepositoryFiles } from "./repository-files.ts";
import type { SampleReleaseInput } from "./sample-input.ts";

/** What the sample is made of: the rules that it is verified by, and the commands that verify it. */
export const sampleTrees = [
  { name: "neko-trust-core", folder: "src/core" },
  { name: "neko-trust-bin", folder: "bin" },
] as const;

/** A product of the lab: what its release is called, and which flake attribute its provenance names. */
export interface SampleProduct {
  readonly name: string;
  readonly attribute: string;
  readonly signer?: NonNullable<SampleReleaseInput["signer"]>;
}

export const sampleProduct: SampleProduct = { name: "neko-trust-sample", attribute: "sample-image" };

/** Until the flake has a lock of its own, what pins the build's inputs is npm's lock. */
const lockPaths = ["flake.lock", "package-lock.json"] as const;

/** The settings that the caller decides: where it will be pushed, and as whom it will be signed. */
export type SampleSettings = Pick<SampleReleaseInput, "version" | "repositoryName" | "workflow" | "sourceDateEpoch"> & {
  readonly source: Pick<SampleReleaseInput["source"], "repository" | "commit" | "ref">;
  readonly invocation?: string;
};

/** The input of a product's release from a checkout's files. Throws as `readRepositoryFiles`. */
export async function sampleReleaseInput(
  checkout: string,
  settings: SampleSettings,
  product: SampleProduct = sampleProduct,
): Promise<SampleReleaseInput> {
  const [files, lock] = await Promise.all([
    readRepositoryFiles(
      checkout,
      sampleTrees.map(({ folder }) => folder),
    ),
    readLock(checkout),
  ]);
  return {
    ...settings,
    ...product,
    source: { ...settings.source, files },
    trees: sampleTrees,
    lock,
  };
}

async function readLock(checkout: string): Promise<SampleReleaseInput["lock"]> {
  let failure: unknown;
  for (const path of lockPaths) {
    try {
      const file = (await readRepositoryFiles(checkout, [path])).get(path);
      if (file !== undefined) return { path, bytes: file.contents };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
