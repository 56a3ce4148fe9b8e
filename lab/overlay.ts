import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Directories } from "../src/adapters/directories/directories.ts";
import { localOverlayPath, localOverlaySchema } from "../src/config/local-overlay.ts";
import type { LocalOverlay } from "../src/config/local-overlay.ts";
import { sha256Hex } from "../src/core/oci/digest.ts";
import { writeWhole } from "../src/adapters/files/write-whole.ts";
import { placeholderRegistry, placesOf } from "./places.ts";
import type { PublishedSample, PublishedSigner } from "./publish-sample.ts";
import type { LabServices } from "./services.ts";
import { labSecrets } from "./stack-secrets.ts";

function previous(path: string): LocalOverlay | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return localOverlaySchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}

/** Writes what stack local takes from the lab: the registry's address, the root's digest, the release. */
export function writeOverlay(
  directories: Directories,
  services: LabServices,
  published: { readonly sample: PublishedSample; readonly signer: PublishedSigner },
  now: Date,
): void {
  const { sample, signer } = published;
  const path = localOverlayPath(directories.state);
  const rootPath = join(placesOf(directories).sigstore, "trusted_root.json");
  const sha256 = sha256Hex(readFileSync(rootPath));
  const before = previous(path);
  // The same root keeps its date: it is as old as it is, however often the lab starts.
  const fetched = before?.trustedRoot.sha256 === sha256 ? before.trustedRoot.fetched : now.toISOString();
  const overlay: LocalOverlay = {
    schema: 1,
    hosts: { [placeholderRegistry]: services.registry },
    trustedRoot: { path: rootPath, sha256, fetched },
    releases: [{ image: sample.repository, current: sample.digest, retained: [] }],
    secrets: labSecrets(placesOf(directories).secrets),
    signerRelease: signerOverlay(signer),
  };
  writeWhole(path, `${JSON.stringify(overlay, undefined, 2)}\n`);
}

/** The signer's part; tests and benchmarks that never provision name a release that need not exist. */
export function signerOverlay(
  signer: Pick<PublishedSigner, "repository" | "digest" | "disk">,
): LocalOverlay["signerRelease"] {
  const { repository, digest, disk } = signer;
  return { image: repository, current: digest, retained: [], disk: { kind: "file", path: disk } };
}
