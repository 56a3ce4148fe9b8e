import { Failure } from "../../src/core/failure.ts";
import { narHash } from "../../src/core/nix/nar.ts";
import { sourceStorePath } from "../../src/core/nix/store-path.ts";
import { treeOfFiles } from "../../src/core/nix/tree.ts";
import type { SriSha256 } from "../../src/core/nix/hash-formats.ts";
import type { TarEntry } from "../../src/core/oci/tar.ts";
import type { RepositoryFiles } from "./repository-files.ts";

/** A tree with the name that Nix gives it: what `nix store add-path --name NAME` would add. */
export interface StoreObject {
  readonly name: string;
  readonly storePath: string;
  readonly narHash: SriSha256;
  readonly narSize: number;
  /** By path within the object, sorted. */
  readonly files: RepositoryFiles;
}

export function storeObject(name: string, files: RepositoryFiles): StoreObject {
  const digest = narHash(treeOfFiles(files));
  const sorted = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { name, ...digest, storePath: sourceStorePath({ name, narHash: digest.narHash }).path, files: sorted };
}

/** The part of the source below a folder; throws SAMPLE_FILES_MISSING when there is none. */
export function storeObjectOfFolder(name: string, folder: string, source: RepositoryFiles): StoreObject {
  const prefix = `${folder}/`;
  const below = [...source].filter(([path]) => path.startsWith(prefix));
  if (below.length === 0) {
    throw new Failure({
      code: "SAMPLE_FILES_MISSING",
      kind: "usage",
      message: `The sample release's tree ${name} is made of ${folder}, and none of the files lies there.`,
      remedy: "Name a folder that the source holds.",
    });
  }
  return storeObject(name, new Map(below.map(([path, contents]) => [path.slice(prefix.length), contents])));
}

/** The object's files where Nix would put them in the image: below `nix/store/<hash>-<name>`. */
export function imageEntries(object: StoreObject): TarEntry[] {
  return Array.from(object.files, ([path, { contents, executable }]): TarEntry => {
    return { kind: "file", path: `${object.storePath.slice(1)}/${path}`, bytes: contents, executable };
  });
}
