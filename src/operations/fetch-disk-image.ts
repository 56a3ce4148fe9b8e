import { join } from "node:path";
import type { DiskSource } from "../config/stack-config.ts";
import { ensurePrivateFolder } from "../adapters/files/private-folder.ts";
import { holdsHashed, openRegular, storeHashed } from "../adapters/files/store-hashed.ts";
import type { StoreRequest } from "../adapters/files/store-hashed.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import { saysDiskFull } from "../adapters/toolchain/disk-full.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { legible } from "../core/legible.ts";
import { parseArtifactManifest } from "../core/oci/artifact-manifest.ts";
import type { BlobDescriptor } from "../core/oci/parse.ts";
import { parseDigestReference } from "../core/release/reference.ts";
import { signerFacts } from "../core/release/signer-release.ts";
import { assertVerified } from "../core/release/verified-release.ts";
import type { VerifiedRelease } from "../core/release/verified-release.ts";

export interface FetchDiskRequest {
  readonly source: DiskSource;
  /** The signer's release: its verified manifest says which bytes the disk has. */
  readonly signer: VerifiedRelease;
  /** Kept between runs; made private to this user. The checked copy lies here until somebody removes it. */
  readonly folder: string;
  /** Of one disk artifact; 16 GiB unless given. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** A disk artifact whose bytes are those of the verified manifest, in a folder that nobody else can write to. */
export interface CheckedDisk {
  readonly path: string;
  readonly sha256: string;
}

const defaultMaxBytes = 16 * 1024 ** 3;

/**
 * Copies the signer's disk artifact into a private folder and hashes that copy, which is the one to be uploaded: what
 * happens to the source afterwards changes nothing. A copy of an earlier run is taken if it still has the hash.
 * Throws Failure: RELEASE_NOT_VERIFIED, SIGNER_RELEASE_WITHOUT_DISK, DISK_HASH_MISMATCH, DISK_ARTIFACT_INVALID,
 * DISK_TOO_LARGE (refused); DISK_SOURCE_UNREADABLE, FOLDER_NOT_PRIVATE, REFERENCE_INVALID, REFERENCE_NEEDS_DIGEST
 * (usage); DISK_FULL and the registry's (unavailable).
 */
export async function fetchDiskImage(client: RegistryClient, request: FetchDiskRequest): Promise<CheckedDisk> {
  const { diskSha256: sha256 } = signerFacts(assertVerified(request.signer));
  ensurePrivateFolder(request.folder);
  const disk = { path: join(request.folder, `${sha256}.tar.gz`), sha256 };
  if (await holdsHashed(disk)) return disk;
  const wanted = { ...disk, most: request.maxBytes ?? defaultMaxBytes };
  const { source } = request;
  if (source.kind === "file") await fromFile(source.path, wanted);
  else await fromRegistry(client, source.reference, wanted, request.signal);
  return disk;
}

async function fromFile(path: string, wanted: StoreRequest): Promise<void> {
  const { size, bytes } = await openRegular(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    // Told before gigabytes are copied; what grows meanwhile is seen while it is copied.
    if (size > wanted.most) throw tooLarge(legible(path), wanted.most);
    await store(() => bytes, wanted, legible(path));
  } finally {
    bytes.destroy();
  }
}

async function fromRegistry(
  client: RegistryClient,
  text: string,
  wanted: StoreRequest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { repository } = parseDigestReference(text);
  const { layer, subject } = await diskLayerOf(client, text, wanted.sha256, signal);
  if (layer.size > wanted.most) throw tooLarge(subject, wanted.most);
  const stream = async (): Promise<AsyncIterable<Uint8Array>> =>
    unwrap(await client.blobStream(repository, layer, wanted.most, signal), subject);
  await store(stream, wanted, subject);
}

/**
 * The layer of a disk artifact, which is the file: other bytes than those that the release's manifest names need not be
 * fetched to be refused. Throws REFERENCE_INVALID, REFERENCE_NEEDS_DIGEST, DISK_ARTIFACT_INVALID, DISK_HASH_MISMATCH, and what
 * `unwrap` throws.
 */
export async function diskLayerOf(
  client: RegistryClient,
  text: string,
  sha256: string,
  signal?: AbortSignal,
): Promise<{ readonly layer: BlobDescriptor; readonly subject: string }> {
  const { repository, digest } = parseDigestReference(text);
  const subject = `disk artifact ${repository}@${digest}`;
  const manifest = unwrap(await client.manifest(repository, digest, signal), subject);
  const layer = parseArtifactManifest(manifest, subject);
  if (layer.digest === `sha256:${sha256}`) return { layer, subject };
  throw otherBytes(subject, sha256, layer.digest.slice("sha256:".length));
}

async function store(bytes: Parameters<typeof storeHashed>[0], wanted: StoreRequest, subject: string): Promise<void> {
  const unwanted = await storeHashed(bytes, wanted).catch((error: unknown) => {
    if (saysDiskFull(error)) throw full(wanted.path, error);
    throw error;
  });
  if (unwanted?.kind === "too-large") throw tooLarge(subject, unwanted.most);
  if (unwanted !== undefined) throw otherBytes(subject, wanted.sha256, unwanted.sha256);
}

function otherBytes(subject: string, expected: string, found: string): Failure {
  return new Failure({
    code: "DISK_HASH_MISMATCH",
    kind: "refused",
    message: `${subject} has SHA-256 ${found}, but the verified manifest of the signer's release names ${expected}.`,
    remedy: "Take the disk artifact that was built for this release; if you did, find out who changed it.",
  });
}

function tooLarge(subject: string, most: number): Failure {
  return new Failure({
    code: "DISK_TOO_LARGE",
    kind: "refused",
    message: `${subject} has more than the ${most} bytes that a disk artifact may have.`,
    remedy: "Check that it is the compressed disk (disk.raw in a tar.gz), not something else.",
  });
}

function unreadable(path: string, error: unknown): Failure {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const why = code === "ELOOP" ? "it is a link" : code === "ENXIO" ? "it is not a file" : reasonOf(error);
  return new Failure(
    {
      code: "DISK_SOURCE_UNREADABLE",
      kind: "usage",
      message: `The disk artifact ${legible(path)} can't be read: ${legible(why)}.`,
      remedy: "Name the file itself; where a link such as Nix's result leads is told by: readlink -f",
    },
    { cause: error },
  );
}

function full(path: string, cause: unknown): Failure {
  return new Failure(
    {
      code: "DISK_FULL",
      kind: "unavailable",
      message: `There is no space left to keep the signer's disk artifact at ${path}.`,
      remedy: "Free some space (it needs as much as the artifact has), or name another folder, then try again.",
    },
    { cause },
  );
}
