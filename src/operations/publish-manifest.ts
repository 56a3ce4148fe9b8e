import { realpathSync } from "node:fs";
import { basename, dirname, sep } from "node:path";
import { hashPath } from "../adapters/nix/hash-path.ts";
import type { Nix } from "../adapters/nix/nix.ts";
import { openImageLayout } from "../adapters/oci-layout/open-image-layout.ts";
import type { ImageLayout } from "../adapters/oci-layout/open-image-layout.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { describeJsonProblem, parseStrictJson } from "../core/json/strict-json.ts";
import { isStorePathName, storeDirectory } from "../core/nix/store-path.ts";
import { parsePathInfo } from "../core/nix/path-info.ts";
import type { PathInfo } from "../core/nix/path-info.ts";
import { requirePlatform } from "../core/oci/image-layout.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import type { Reference } from "../core/release/reference.ts";
import { assembleRelease } from "../core/release/assemble-release.ts";
import type { AssembledRelease, ReleaseFacts } from "../core/release/assemble-release.ts";
import { platformRelease } from "../core/release/platform-release.ts";
import { taggedDigest, tagTaken } from "./tagged-digest.ts";

/** One platform's build, as files. */
export interface PlatformBuild {
  /** `linux/amd64`. */
  readonly platform: string;
  /** The OCI layout directory that Nix put out, or a copy of it. */
  readonly layout: string;
  /** What `nix path-info --json --recursive` printed. Left out: Nix is asked, when the layout lies in a store. */
  readonly pathInfo?: Uint8Array;
  readonly sbom: Uint8Array;
  readonly derivation?: string;
}

export interface BuildManifestRequest extends ReleaseFacts {
  readonly environment: "local" | "staging" | "production";
  readonly platforms: readonly PlatformBuild[];
  readonly signal?: AbortSignal;
  readonly progress?: (line: string) => void;
}

export interface ManifestOfBuilds extends AssembledRelease {
  readonly layouts: readonly ImageLayout[];
  /** Platforms whose NAR hash can't be computed again from a registry: the layout holds more than the image. */
  readonly notRecomputable: readonly string[];
}

/**
 * The release manifest of builds: every layout hashed and opened, and compared with what Nix recorded and the SBOM
 * lists. Throws MANIFEST_INVALID, the codes of core/oci/image-layout.ts and core/release/platform-release.ts, and what
 * Nix's adapter throws.
 */
export async function buildManifest(nix: Nix, request: BuildManifestRequest): Promise<ManifestOfBuilds> {
  const { progress = () => undefined, signal } = request;
  const layouts: ImageLayout[] = [];
  const platforms: Parameters<typeof assembleRelease>[1][number][] = [];
  for (const build of request.platforms) {
    const { platform } = build;
    const folder = folderOf(build);
    progress(`${platform}: hashing ${folder}`);
    const nar = await hashPath(folder, signal === undefined ? {} : { signal });
    const where = `${platform}, ${build.layout}`;
    const layout = await openImageLayout(folder, where, signal);
    requirePlatform(layout.platform, platform, where);
    const stored = storedAs(folder);
    const sbom = readSbom(build);
    const pathInfo = await pathInfoOf(nix, build, stored);
    const { digest } = layout.manifest;
    const facts = { platform, digest, nar, storePath: stored?.path, pathInfo, derivation: build.derivation, sbom };
    const entry = { manifest: layout.manifest, platform: layout.platform };
    platforms.push({ ...platformRelease(facts, request), entry });
    layouts.push(layout);
  }
  const notRecomputable = request.platforms.flatMap(({ platform }, position) =>
    layouts[position]?.recomputable === true ? [] : [platform],
  );
  return { ...assembleRelease(request, platforms), layouts, notRecomputable };
}

/** The layout's folder itself: a result link of Nix is hashed as what it points to. Throws PATH_NOT_FOUND. */
function folderOf({ platform, layout }: PlatformBuild): string {
  try {
    return realpathSync(layout);
  } catch (error) {
    throw new Failure(
      {
        code: "PATH_NOT_FOUND",
        kind: "usage",
        message: `The layout of ${platform}, ${layout}, can't be found (${reasonOf(error)}).`,
        remedy: "Name the folder that `nix build` put out, with oci-layout, index.json and blobs in it.",
      },
      { cause: error },
    );
  }
}

/** The store path that a folder bears, and the folder that its store lies in. */
function storedAs(folder: string): { readonly path: string; readonly root: string } | undefined {
  const name = basename(folder);
  const parent = dirname(folder);
  if (!parent.endsWith(storeDirectory) || !/^[0-9a-df-np-sv-z]{32}-/.test(name) || !isStorePathName(name.slice(33))) {
    return undefined;
  }
  return { path: `${storeDirectory}/${name}`, root: parent.slice(0, -storeDirectory.length) || sep };
}

async function pathInfoOf(
  nix: Nix,
  { pathInfo }: PlatformBuild,
  stored: ReturnType<typeof storedAs>,
): Promise<PathInfo[] | undefined> {
  if (pathInfo !== undefined) return parsePathInfo(pathInfo);
  if (stored === undefined) return undefined;
  const own = stored.root === sep ? nix : nix.with({ store: `local?root=${stored.root}` });
  return own.pathInfo([stored.path], { recursive: true });
}

const maxSbomBytes = 64 * 1024 * 1024;

function readSbom({ platform, sbom }: PlatformBuild): unknown {
  const json = parseStrictJson(sbom, { maxBytes: maxSbomBytes });
  if (json.ok) return json.value;
  throw new Failure({
    code: "SBOM_INVALID",
    kind: "refused",
    message: `${platform}: the SBOM is no JSON that can be used: ${describeJsonProblem(json.problem)}.`,
    remedy: "Make it again with sbomnix, as SPDX 2.3 or CycloneDX in JSON.",
  });
}

/**
 * Pushes each platform's image by its digest, then the index, by its digest and under the tag when one is given: who
 * reads the tag finds the release whole. Throws TAG_TAKEN (refused) when the version's own tag names another digest, so that
 * nothing is signed that can't be released, and what `unwrap` throws.
 */
export async function pushRelease(
  client: RegistryClient,
  target: Reference,
  release: ManifestOfBuilds,
  progress: (line: string) => void = () => undefined,
): Promise<string> {
  const { repository, tag } = target;
  for (const layout of release.layouts) {
    for (const blob of layout.blobs) {
      progress(`pushing ${blob.digest}, ${blob.size} bytes`);
      // One at a time: a layer is in memory while it is pushed.
      unwrap(await client.pushBlob(repository, layout.read(blob)), `${repository}, blob ${blob.digest}`);
    }
    const { mediaType, bytes, digest } = layout.manifest;
    unwrap(await client.pushManifest(repository, { mediaType, bytes }), formatDigestReference(repository, digest));
  }
  const { index } = release;
  const pushed = formatDigestReference(repository, index.digest);
  await assertVersionFree(client, repository, release);
  unwrap(await client.pushManifest(repository, index), pushed);
  if (tag !== undefined) unwrap(await client.pushManifest(repository, index, tag), `${repository}:${tag}`);
  return pushed;
}

/** A repository that nothing was pushed to yet may answer otherwise than one without the tag: platforms are there by now. */
async function assertVersionFree(
  client: RegistryClient,
  repository: string,
  { manifest: { version }, index: { digest } }: Pick<ManifestOfBuilds, "manifest" | "index">,
): Promise<void> {
  const before = await taggedDigest(client, repository, version);
  if (before === undefined || before === digest) return;
  const remedy = "A version names one release for good: build this one under another version.";
  throw tagTaken({ repository, tag: version }, before, remedy);
}
