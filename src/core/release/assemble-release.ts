import { Failure } from "../failure.ts";
import { canonicalBytes } from "../json/canonical-json.ts";
import { digestOf } from "../oci/digest.ts";
import type { Digest } from "../oci/digest.ts";
import { indexOf } from "../oci/layout-builder.ts";
import type { BuiltBlob, IndexEntry } from "../oci/layout-builder.ts";
import { safeParse } from "../safe-parse.ts";
import { faultLine, schemaFaults } from "../schema-faults.ts";
import { releaseManifestSchema } from "./manifest.ts";
import type { PlatformRelease, ReleaseManifest, SignerPart } from "./manifest.ts";

/** A release's manifest and the index that it is about. */
export interface AssembledRelease {
  readonly manifest: ReleaseManifest;
  /** RFC 8785. */
  readonly bytes: Uint8Array;
  readonly index: BuiltBlob;
}

export interface ReleaseFacts extends Pick<
  ReleaseManifest,
  "name" | "version" | "source" | "flake" | "sourceDateEpoch"
> {
  /** Only the release of a signer has it. */
  readonly signer?: SignerPart;
}

const annotationPrefix = "io.github.m1k1o.neko.trust";

/**
 * Makes the image index of a release, and the manifest whose subject it is.
 *
 * The index tells what the manifest tells: in words, and by the digest of the manifest without its own `digest`. Else a
 * new commit that leaves the images alone would give one index two manifests, which verification rightly refuses as
 * equivocation. Throws RELEASE_DIRTY (refused), and MANIFEST_INVALID with each fault.
 */
export function assembleRelease(
  facts: ReleaseFacts,
  platforms: readonly (PlatformRelease & { readonly entry: IndexEntry })[],
): AssembledRelease {
  const sorted = [...platforms].sort((a, b) => (a.platform < b.platform ? -1 : a.platform > b.platform ? 1 : 0));
  const { name, version, source, flake, sourceDateEpoch, signer } = facts;
  requireClean(version);
  const draft = {
    schema: 1,
    name,
    version,
    source,
    flake,
    sourceDateEpoch,
    platforms: sorted.map(({ entry: _entry, ...platform }) => platform),
    ...signer,
  };
  // All faults before anything is computed from what has them.
  read({ ...draft, digest: digestOf("") });
  const index = indexOf(
    sorted.map(({ entry }) => entry),
    {
      annotations: {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.source": source.repository,
        "org.opencontainers.image.revision": source.commit,
        "org.opencontainers.image.created": new Date(sourceDateEpoch * 1000).toISOString().replace(".000Z", "Z"),
        [`${annotationPrefix}.source.narHash`]: source.narHash,
        [`${annotationPrefix}.flake.lock`]: flake.lock,
        [`${annotationPrefix}.manifest`]: digestOf(canonicalBytes(draft)),
      },
    },
  );
  const manifest = read({ ...draft, digest: index.digest });
  return { manifest, bytes: canonicalBytes(manifest), index };
}

/** nix/lib/version.nix says `-dirty` of a tree that no commit holds: nobody could build that again. */
function requireClean(version: string): void {
  if (!/(?:^|[-+.])dirty(?:[-+.]|$)/.test(version)) return;
  throw new Failure({
    code: "RELEASE_DIRTY",
    kind: "refused",
    message: `Version ${version} was built from a tree with changes that are not committed: nobody can build it again.`,
    remedy: "Commit them, and build again.",
  });
}

/** The end of the year 9999, in seconds: no format here writes a later time. */
const lastSecond = 253_402_300_799;

function read(document: Pick<ReleaseFacts, "sourceDateEpoch"> & { readonly digest: Digest }): ReleaseManifest {
  const parsed = safeParse(releaseManifestSchema, document);
  if (parsed.success && document.sourceDateEpoch <= lastSecond) return parsed.data;
  const late = {
    path: "sourceDateEpoch",
    found: String(document.sourceDateEpoch),
    allowed: "must be before the year 10000",
  };
  throw new Failure({
    code: "MANIFEST_INVALID",
    kind: "usage",
    message: "What was given does not make a release manifest.",
    remedy: "Correct each value; schemas/release-manifest.v1.schema.json says what is allowed.",
    details: (parsed.success ? [late] : schemaFaults(parsed.error, document)).map(faultLine),
  });
}
