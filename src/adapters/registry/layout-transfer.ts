import { Failure } from "../../core/failure.ts";
import { digestOf } from "../../core/oci/digest.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { blobPath, ociLayoutFiles } from "../../core/oci/layout-files.ts";
import type { LayoutBlob, LayoutFiles, LayoutRoot } from "../../core/oci/layout-files.ts";
import { parseImageManifest, parseIndex } from "../../core/oci/parse.ts";
import type { BlobDescriptor } from "../../core/oci/parse.ts";
import { parseReferrerList } from "../../core/oci/referrers.ts";
import type { RegistryClient } from "./client.ts";
import { unwrap } from "./unwrap.ts";

/**
 * Moves a release between a registry and an OCI layout: the index, every platform, and the referrers of each. Bytes
 * stay as they are, so digests do. A registry that forgets (crane's keeps manifests in memory) is filled again so.
 */

/** A layout names few roots: one index and its referrers. */
const maxRoots = 2000;

/**
 * Pushes all that a layout's index.json lists: images, then referrers. A root's name becomes a tag, as `tag` does for
 * the first root. Resolves to the first root's digest. Throws LAYOUT_INVALID (usage), and what `unwrap` throws.
 */
export async function pushLayout(
  client: RegistryClient,
  repository: string,
  files: LayoutFiles,
  tag?: string,
): Promise<Digest> {
  const roots = rootsOf(files);
  const [first] = roots;
  if (first === undefined) throw invalidLayout("index.json", "lists nothing");
  for (const root of roots) {
    const bytes = layoutBlob(files, root);
    const name = root === first ? (tag ?? root.name) : root.name;
    if (isReferrer(bytes)) await pushReferrerOf(client, repository, files, bytes);
    else await pushTree(client, repository, files, root, name);
  }
  return first.digest;
}

/** Reads an image index or manifest, its platforms and all their referrers. `maxLayerBytes` bounds each layer. */
export async function pullLayout(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  maxLayerBytes: number,
): Promise<LayoutFiles> {
  const blobs: LayoutBlob[] = [];
  const read = async (wanted: Digest): Promise<Uint8Array> => {
    const bytes = unwrap(await client.manifest(repository, wanted), `${repository}@${wanted}`);
    blobs.push({ digest: wanted, bytes });
    return bytes;
  };
  const readBlobs = async (bytes: Uint8Array, name: Digest): Promise<void> => {
    const parsed = parseImageManifest(bytes, name);
    if (!parsed.ok) throw invalidLayout(name, parsed.findings[0].found);
    for (const blob of [parsed.proof.config, ...parsed.proof.layers]) {
      const content = await client.blob(repository, blob, maxLayerBytes);
      blobs.push({ digest: blob.digest, bytes: unwrap(content, `${repository}, blob ${blob.digest}`) });
    }
  };
  const top = await read(digest);
  const index = parseIndex(top, digest);
  if (index.ok) for (const { digest: own } of index.proof.manifests) await readBlobs(await read(own), own);
  else await readBlobs(top, digest);
  const mediaType = index.ok ? index.proof.mediaType : mediaTypeOf(top, digest);
  const roots: LayoutRoot[] = [{ mediaType, digest, size: top.length }];
  for (const subject of [digest, ...(index.ok ? index.proof.manifests.map((entry) => entry.digest) : [])]) {
    for (const referrer of unwrap(await client.referrers(repository, subject), `referrers of ${subject}`)) {
      await readBlobs(await read(referrer.digest), referrer.digest);
      roots.push({ mediaType: referrer.mediaType, digest: referrer.digest, size: referrer.size });
    }
  }
  return ociLayoutFiles(roots, blobs);
}

async function pushTree(
  client: RegistryClient,
  repository: string,
  files: LayoutFiles,
  root: BlobDescriptor,
  tag: string | undefined,
): Promise<void> {
  const bytes = layoutBlob(files, root);
  const index = parseIndex(bytes, root.digest);
  if (index.ok) {
    for (const platform of index.proof.manifests) await pushTree(client, repository, files, platform, undefined);
  } else {
    await pushBlobs(client, repository, files, bytes);
  }
  const manifest = { mediaType: root.mediaType, bytes };
  unwrap(await client.pushManifest(repository, manifest), `${repository}@${root.digest}`);
  if (tag !== undefined) unwrap(await client.pushManifest(repository, manifest, tag), `${repository}:${tag}`);
}

async function pushReferrerOf(
  client: RegistryClient,
  repository: string,
  files: LayoutFiles,
  bytes: Uint8Array,
): Promise<void> {
  await pushBlobs(client, repository, files, bytes);
  unwrap(await client.pushReferrer(repository, bytes), `${repository}, referrer ${digestOf(bytes)}`);
}

async function pushBlobs(
  client: RegistryClient,
  repository: string,
  files: LayoutFiles,
  manifest: Uint8Array,
): Promise<void> {
  const digest = digestOf(manifest);
  const parsed = parseImageManifest(manifest, digest);
  if (!parsed.ok) throw invalidLayout(blobPath(digest), parsed.findings[0].found);
  for (const blob of [parsed.proof.config, ...parsed.proof.layers]) {
    const pushed = await client.pushBlob(repository, layoutBlob(files, blob));
    unwrap(pushed, `${repository}, blob ${blob.digest}`);
  }
}

function rootsOf(files: LayoutFiles): readonly LayoutRoot[] {
  const bytes = files.get("index.json");
  if (bytes === undefined) throw invalidLayout("index.json", "is missing");
  const list = parseReferrerList(bytes, maxRoots);
  if (!list.ok) throw invalidLayout("index.json", list.detail);
  return list.descriptors.map(({ mediaType, digest, size, annotations }) => {
    const name = annotations?.["org.opencontainers.image.ref.name"];
    return { mediaType, digest, size, ...(name === undefined ? {} : { name }) };
  });
}

function isReferrer(bytes: Uint8Array): boolean {
  const parsed = parseImageManifest(bytes, "");
  return parsed.ok && parsed.proof.subject !== undefined;
}

function mediaTypeOf(bytes: Uint8Array, digest: Digest): string {
  const parsed = parseImageManifest(bytes, digest);
  if (!parsed.ok) throw invalidLayout(digest, parsed.findings[0].found);
  return parsed.proof.mediaType;
}

/** A blob of the layout, hashed. */
function layoutBlob(files: LayoutFiles, blob: BlobDescriptor): Uint8Array {
  const path = blobPath(blob.digest);
  const bytes = files.get(path);
  if (bytes === undefined) throw invalidLayout(path, "is missing");
  if (bytes.length !== blob.size || digestOf(bytes) !== blob.digest)
    throw invalidLayout(path, "does not hash to its name");
  return bytes;
}

function invalidLayout(where: string, why: string): Failure {
  return new Failure({
    code: "LAYOUT_INVALID",
    kind: "usage",
    message: `This is no OCI layout that can be used: ${where} ${why}.`,
    remedy: "Build the layout again.",
  });
}
