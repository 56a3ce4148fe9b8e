import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { writeWhole } from "../src/adapters/files/write-whole.ts";
import type { RegistryClient } from "../src/adapters/registry/client.ts";
import { pushLayout } from "../src/adapters/registry/layout-transfer.ts";
import { signStatement } from "../src/adapters/fulcio-rekor/sign-statement.ts";
import { bundleAttachment } from "../src/core/oci/bundle-attachment.ts";
import type { Digest } from "../src/core/oci/digest.ts";
import { sha256Hex } from "../src/core/oci/digest.ts";
import { ociLayoutFiles } from "../src/core/oci/layout-files.ts";
import type { LayoutBlob, LayoutFiles, LayoutRoot } from "../src/core/oci/layout-files.ts";
import { buildReferrer } from "../src/core/oci/referrer-builder.ts";
import type { LabContext } from "./context.ts";
import { placeholderRegistry, placesOf, samplePath, signerPath } from "./places.ts";
import { buildSampleRelease } from "./sample-release/build-sample-release.ts";
import type { SampleRelease } from "./sample-release/build-sample-release.ts";
import { sampleProduct, sampleReleaseInput } from "./sample-release/sample-defaults.ts";
import type { SampleProduct } from "./sample-release/sample-defaults.ts";
import { signerDisk } from "./sample-release/signer-disk.ts";
import { signerProduct, vouchingProduct } from "./sample-release/signer-product.ts";
import type { SampleStatement } from "./sample-release/statements.ts";
import type { LabServices } from "./services.ts";
import { loadOrCreateMaterial } from "./sigstore/authority-material.ts";
import { issueToken, workflowClaims } from "./sigstore/issue-token.ts";

/** The run that the lab's signer claims to be: what stacks/Pulumi.local.yaml trusts. */
export const labRun = {
  repository: "m1k1o/neko",
  repositoryId: "1001",
  ownerId: "1000",
  workflowPath: ".github/workflows/nix-build-sign.yml",
  trigger: "push",
} as const;

/** 2026-08-15T13:36:06Z: the commit time of the Neko revision that the flake locks (facts of nix). */
const sourceDateEpoch = 1_786_800_966;

/** What the lab releases: the application, and the machine that would sign it. */
const labProducts = {
  sample: { path: samplePath, product: sampleProduct },
  signer: { path: signerPath, product: signerProduct },
  /** The application again, whose signed manifest also says what a machine of its own measures. */
  vouching: { path: samplePath, product: vouchingProduct },
} as const;

/** The version that the sample release has: the checkout's. */
export function sampleVersion(checkout: string): string {
  return (JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as { version: string }).version;
}

/** A release of this checkout's files: equal files give equal digests. The sample's unless a product is given. */
export async function sampleOf(
  checkout: string,
  version: string,
  { path, product }: { readonly path: string; readonly product: SampleProduct } = labProducts.sample,
): Promise<SampleRelease> {
  const settings = {
    version,
    // A name that stays, wherever the registry listens: it is in the signed statements.
    repositoryName: `${placeholderRegistry}/${path}`,
    workflow: labRun.workflowPath,
    sourceDateEpoch,
  };
  const source = { repository: `https://github.com/${labRun.repository}`, ref: `refs/tags/v${version}` };
  const input = await sampleReleaseInput(
    checkout,
    { ...settings, source: { ...source, commit: "0".repeat(40) } },
    product,
  );
  // Not a commit of git: it stands for the files as they lie here, changed ones included.
  const names = [...input.source.files].map(([path, file]) => `${sha256Hex(file.contents)} ${path}\n`);
  const commit = sha256Hex([input.lock.path, sha256Hex(input.lock.bytes), ...names].join("\n")).slice(0, 40);
  return buildSampleRelease({ ...input, source: { ...input.source, commit } });
}

function subjectOf(release: SampleRelease, digest: Digest): { mediaType: string; digest: Digest; size: number } {
  const candidates = [release.index.index, ...release.platforms.map(({ image }) => image.manifest)];
  const found = candidates.find((candidate) => candidate.digest === digest);
  if (found === undefined) throw new Error(`no part of the sample has the digest ${digest}`);
  return found;
}

async function signedLayout(release: SampleRelease, services: LabServices, context: LabContext): Promise<LayoutFiles> {
  const { sigstore } = services;
  const now = context.now();
  const { keys } = loadOrCreateMaterial(placesOf(context.directories).sigstore, { now });
  const { commit } = release.manifest.source;
  const claims = workflowClaims({ ...labRun, ref: `refs/tags/v${release.manifest.version}`, sha: commit });
  const attach = async (statement: SampleStatement): Promise<{ root: LayoutRoot; blobs: readonly LayoutBlob[] }> => {
    const bundle = await signStatement({
      statement: statement.payload,
      identityToken: issueToken(keys.issuer.privateKey, claims, context.now()),
      fulcioUrl: sigstore.fulcio,
      rekor: { url: sigstore.rekorV1, version: 1 },
      tsaUrl: sigstore.tsa,
    });
    const built = buildReferrer(
      subjectOf(release, statement.subject),
      bundleAttachment(bundle, statement.predicateType),
    );
    const { mediaType, digest, size } = built.descriptor;
    return { root: { mediaType, digest, size }, blobs: [{ digest, bytes: built.manifest }, ...built.blobs] };
  };
  const attached = await Promise.all(release.statements.map(attach));
  const { mediaType, digest, size } = release.index.index;
  const blobs = release.platforms.flatMap(({ image }) => [image.manifest, image.config, ...image.layers]);
  return ociLayoutFiles(
    [{ mediaType, digest, size }, ...attached.map(({ root }) => root)],
    [release.index.index, ...blobs, ...attached.flatMap((one) => one.blobs)],
  );
}

/** Reads a folder's files as a layout. */
export function readLayout(folder: string): LayoutFiles {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  return new Map(paths.sort().map((path) => [path.split(sep).join("/"), readFileSync(join(folder, path))]));
}

/** Writes a layout as a folder that is there whole or not at all. */
function writeLayout(folder: string, files: LayoutFiles): void {
  const fresh = `${folder}.${randomUUID()}.new`;
  for (const [path, bytes] of files) {
    const file = join(fresh, path);
    if (relative(fresh, file).startsWith("..")) throw new Error(`a layout's path climbs out: ${path}`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}

export interface PublishedSample {
  /** `host:port/path` */
  readonly repository: string;
  readonly digest: Digest;
  readonly layout: LayoutFiles;
  /** False when the same files were signed in an earlier run. */
  readonly signed: boolean;
}

/**
 * Builds a release, signs it once (the signatures are kept with it), and sees to it that the registry has all of it:
 * crane's forgets manifests at a restart.
 */
async function publish(
  context: LabContext,
  services: LabServices,
  client: RegistryClient,
  release: SampleRelease,
  path: string,
  tag = `v${release.manifest.version}`,
): Promise<PublishedSample> {
  const { digest } = release.index.index;
  const folder = join(placesOf(context.directories).releases, digest.slice("sha256:".length));
  const signed = !existsSync(folder);
  if (signed) writeLayout(folder, await signedLayout(release, services, context));
  const layout = readLayout(folder);
  const repository = `${services.registry}/${path}`;
  await pushLayout(client, repository, layout, tag);
  return { repository, digest, layout, signed };
}

/** Publishes the sample release. */
export async function publishSample(
  context: LabContext,
  services: LabServices,
  client: RegistryClient,
): Promise<PublishedSample> {
  const { checkout } = context.directories;
  return publish(context, services, client, await sampleOf(checkout, sampleVersion(checkout)), samplePath);
}

export interface PublishedSigner extends PublishedSample {
  /** The disk image that its manifest has the hash of. */
  readonly disk: string;
}

/** Publishes the signer's release, and writes the disk image that belongs to it. */
export async function publishSigner(
  context: LabContext,
  services: LabServices,
  client: RegistryClient,
): Promise<PublishedSigner> {
  const { checkout } = context.directories;
  const release = await sampleOf(checkout, sampleVersion(checkout), labProducts.signer);
  const disk = placesOf(context.directories).signerDisk;
  writeWhole(disk, signerDisk());
  return { ...(await publish(context, services, client, release, signerPath)), disk };
}

/**
 * Publishes a release of the application that the application's own signer signed, and whose manifest names the measurements of
 * `otherMachine`: for what must be refused, under a tag of its own.
 */
export async function publishVouching(
  context: LabContext,
  services: LabServices,
  client: RegistryClient,
): Promise<PublishedSample> {
  const { checkout } = context.directories;
  const release = await sampleOf(checkout, sampleVersion(checkout), labProducts.vouching);
  return publish(context, services, client, release, samplePath, "names-its-own-machine");
}
