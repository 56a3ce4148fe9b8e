import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import type { RepositoryFiles } from "./repository-files.ts";

/** Everything that a sample release is a function of: equal inputs give equal digests. */
export interface SampleReleaseInput {
  /** The product's name, for the manifest and store paths: `neko-trust-sample`. */
  readonly name: string;
  /** Semantic version, without v. */
  readonly version: string;
  /** `registry/path` that the release will be pushed to: the name of the statements' subjects, in nothing else. */
  readonly repositoryName: string;
  readonly source: {
    /** `https://github.com/owner/name`, as the signing certificate will name it. */
    readonly repository: string;
    /** 40 hex digits. */
    readonly commit: string;
    /** `refs/tags/v1.0.0` or `refs/heads/main`. */
    readonly ref: string;
    readonly files: RepositoryFiles;
  };
  /** The store objects that each image holds: every file of the source below `folder`, as a tree named `name`. */
  readonly trees: readonly { readonly name: string; readonly folder: string }[];
  /** The file that pins the build's inputs, as bytes, and its path: flake.lock. */
  readonly lock: { readonly path: string; readonly bytes: Uint8Array };
  /** `.github/workflows/<file>`: the workflow that the signing certificate will name. */
  readonly workflow: string;
  /** The flake attribute that the provenance names. */
  readonly attribute: string;
  /** Seconds since 1970: the time stamp of every file and document. */
  readonly sourceDateEpoch: number;
  /** The run invocation URI of the signing certificate, when it will have one. */
  readonly invocation?: string;
  /** Of a signer release only: its disk image's hash, and what a machine that boots it will measure. */
  readonly signer?: {
    readonly disk: NonNullable<ReleaseManifest["disk"]>;
    readonly measurements: NonNullable<ReleaseManifest["measurements"]>;
  };
  /** All of `samplePlatforms` unless given. */
  readonly platforms?: readonly SamplePlatform[];
}

/** What the sample is built for; each image really differs, by the file that tells its platform. */
export const samplePlatforms = [
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm64" },
] as const;
export type SamplePlatform = (typeof samplePlatforms)[number];
