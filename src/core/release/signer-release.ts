import { Failure } from "../failure.ts";
import type { ReleaseManifest } from "./manifest.ts";
import type { ReleaseData } from "./verified-release.ts";

/** What a verified signer release says of the machine that it is: the disk's bytes, and what TDX will measure of it. */
export interface SignerFacts {
  /** SHA-256 of the disk artifact as it is uploaded (a gzip-compressed tar with `disk.raw`), in hex. */
  readonly diskSha256: string;
  readonly measurements: NonNullable<ReleaseManifest["measurements"]>;
}

/**
 * The disk and measurements of a release's manifest. Throws SIGNER_RELEASE_WITHOUT_DISK (refused): a release of an
 * application has neither, and no release can say them for another.
 */
export function signerFacts({ repository, digest, manifest }: ReleaseData): SignerFacts {
  const { disk, measurements } = manifest;
  if (disk !== undefined && measurements !== undefined) return { diskSha256: disk.sha256, measurements };
  const missing = [
    ...(disk === undefined ? ["disk"] : []),
    ...(measurements === undefined ? ["measurements"] : []),
  ].join(" and ");
  throw new Failure({
    code: "SIGNER_RELEASE_WITHOUT_DISK",
    kind: "refused",
    message: `The manifest of ${repository}@${digest} has no ${missing}: it is not a signer's release.`,
    remedy: "Name a release of the signer as signerRelease: its manifest has both, written by its build.",
  });
}
