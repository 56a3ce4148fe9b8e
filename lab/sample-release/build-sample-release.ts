import { closureDigest } from "../../src/core/nix/closure.ts";
import { narHash } from "../../src/core/nix/nar.ts";
import { closureFromSpdx } from "../../src/core/nix/sbom-closure.ts";
import { treeOfFiles } from "../../src/core/nix/tree.ts";
import { buildIndex } from "../../src/core/oci/layout-builder.ts";
import { releaseLayout } from "../../src/core/oci/layout-files.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { releaseManifestSchema } from "../../src/core/release/manifest.ts";
import { buildPlatformImage } from "./platform-image.ts";
import { samplePlatforms } from "./sample-input.ts";
import { spdxDocument } from "./sbom.ts";
import { statementsOf } from "./statements.ts";
import { storeObjectOfFolder } from "./store-object.ts";
import type { BuiltIndex } from "../../src/core/oci/layout-builder.ts";
import type { LayoutFiles } from "../../src/core/oci/layout-files.ts";
import type { ReleaseManifest } from "../../src/core/release/manifest.ts";
import type { PlatformImage } from "./platform-image.ts";
import type { SampleReleaseInput } from "./sample-input.ts";
import type { SampleStatement } from "./statements.ts";

/** A release as a build would leave it: nothing signed, nothing pushed. */
export interface SampleRelease {
  readonly index: BuiltIndex;
  /** The whole release as an OCI layout: index, manifests, configs and layers, by path. */
  readonly layout: LayoutFiles;
  /** Sorted by platform. */
  readonly platforms: readonly SamplePlatformRelease[];
  readonly manifest: ReleaseManifest;
  /** To be signed and attached, each to its `subject`. */
  readonly statements: readonly SampleStatement[];
}

export interface SamplePlatformRelease extends PlatformImage {
  /** SPDX 2.3; the manifest's `sbom` is the digest of its RFC 8785 bytes. */
  readonly sbom: object;
}

/**
 * Builds a release of one or more platforms out of the files given: a pure function, so the same files give the same digests.
 *
 * Everything that the release manifest tells is also annotated on the index. Else a new commit that leaves the files
 * alone would give one index two manifests, which verification rightly refuses as equivocation.
 */
export function buildSampleRelease(input: SampleReleaseInput): SampleRelease {
  const { name, version, source, sourceDateEpoch, platforms: builtFor = samplePlatforms } = input;
  const trees = input.trees.map((tree) => storeObjectOfFolder(tree.name, tree.folder, source.files));
  const sourceHash = narHash(treeOfFiles(source.files)).narHash;
  const lock = digestOf(input.lock.bytes);
  const annotations = {
    "org.opencontainers.image.title": name,
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.source": source.repository,
    "org.opencontainers.image.revision": source.commit,
    "org.opencontainers.image.created": new Date(sourceDateEpoch * 1000).toISOString().replace(".000Z", "Z"),
    "io.github.m1k1o.neko.trust.source.narHash": sourceHash,
    "io.github.m1k1o.neko.trust.flake.lock": lock,
    ...(input.signer === undefined
      ? {}
      : { "io.github.m1k1o.neko.trust.signer": digestOf(canonicalBytes(input.signer)) }),
  };
  const platforms = builtFor
    .map((platform) => buildPlatformImage({ name, platform, trees, sourceDateEpoch, annotations }))
    .map((image): SamplePlatformRelease => {
      const about = { name, version, repository: source.repository, commit: source.commit, sourceDateEpoch };
      return { ...image, sbom: spdxDocument(image, about) };
    });
  const sbomAnnotations = Object.fromEntries(
    platforms.map(({ platform, sbom }) => [
      `io.github.m1k1o.neko.trust.sbom.${platform.replaceAll("/", ".")}`,
      digestOf(canonicalBytes(sbom)),
    ]),
  );
  const index = buildIndex(
    platforms.map(({ image }) => image),
    { annotations: { ...annotations, ...sbomAnnotations } },
  );
  const manifest = releaseManifestSchema.parse({
    schema: 1,
    name,
    version,
    source: { repository: source.repository, commit: source.commit, narHash: sourceHash },
    flake: { repository: source.repository, commit: source.commit, lock },
    sourceDateEpoch,
    digest: index.index.digest,
    platforms: platforms.map(({ platform, image, output, sbom }) => ({
      platform,
      digest: image.manifest.digest,
      storePath: output.storePath,
      narHash: output.narHash,
      narSize: output.narSize,
      // Read back from the SBOM, as a verifier does it.
      closure: closureDigest(closureFromSpdx(sbom)),
      sbom: digestOf(canonicalBytes(sbom)),
    })),
    ...input.signer,
  });
  const sboms = new Map(platforms.map(({ platform, sbom }) => [platform, sbom]));
  return { index, layout: releaseLayout(index), platforms, manifest, statements: statementsOf(input, manifest, sboms) };
}
