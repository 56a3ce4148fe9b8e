import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import type { RegistryClient } from "../src/adapters/registry/client.ts";
import { unwrap } from "../src/adapters/registry/unwrap.ts";
import { Failure } from "../src/core/failure.ts";
import { digestOf } from "../src/core/oci/digest.ts";
import type { Digest } from "../src/core/oci/digest.ts";
import { mediaTypes } from "../src/core/oci/formats.ts";
import { blobPath } from "../src/core/oci/layout-files.ts";
import type { LayoutFiles } from "../src/core/oci/layout-files.ts";
import { parseImageManifest, parseIndex } from "../src/core/oci/parse.ts";
import type { LabContext } from "./context.ts";
import type { PublishedSample } from "./publish-sample.ts";
import { serviceEnvironment } from "./services.ts";

export interface TamperedCopy {
  readonly digest: Digest;
  /** What was done, for people. */
  readonly change: string;
}

function blobOf(layout: LayoutFiles, digest: Digest): Uint8Array {
  const bytes = layout.get(blobPath(digest));
  if (bytes === undefined) throw new Error(`the sample's layout lacks ${digest}`);
  return bytes;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

/** The document with one digest in place of another: both are 71 characters, so every size stays. */
function rewritten(document: Uint8Array, from: Digest, to: Digest): Uint8Array {
  return Buffer.from(Buffer.from(document).toString("utf8").replaceAll(from, to));
}

/**
 * What an attacker with write access does: changes one byte of one layer, makes manifests and index consistent again,
 * pushes them, and attaches every signature and statement of the original to the copy.
 */
export async function pushTamperedCopy(client: RegistryClient, sample: PublishedSample): Promise<TamperedCopy> {
  const { layout, repository } = sample;
  const push = async (bytes: Uint8Array): Promise<Digest> =>
    unwrap(await client.pushBlob(repository, bytes), `a blob of ${repository}`).digest;
  const indexBytes = blobOf(layout, sample.digest);
  const index = parseIndex(indexBytes, sample.digest);
  const platform = index.ok ? index.proof.manifests[randomInt(index.proof.manifests.length)] : undefined;
  if (platform === undefined) throw new Error("the sample has no platform");
  const manifestBytes = blobOf(layout, platform.digest);
  const manifest = parseImageManifest(manifestBytes, platform.digest);
  const layer = manifest.ok ? manifest.proof.layers[randomInt(manifest.proof.layers.length)] : undefined;
  if (!manifest.ok || layer === undefined) throw new Error("the sample's platform has no layer");

  const changedLayer = Uint8Array.from(blobOf(layout, layer.digest));
  const position = randomInt(changedLayer.length);
  const before = changedLayer[position] ?? 0;
  changedLayer[position] = before ^ (1 << randomInt(8));
  const layerDigest = await push(changedLayer);
  const { config } = manifest.proof;
  const configDigest = await push(rewritten(blobOf(layout, config.digest), layer.digest, layerDigest));
  for (const other of manifest.proof.layers) if (other !== layer) await push(blobOf(layout, other.digest));
  const changedManifest = rewritten(rewritten(manifestBytes, layer.digest, layerDigest), config.digest, configDigest);
  const manifestDigest = digestOf(changedManifest);
  const changedIndex = rewritten(indexBytes, platform.digest, manifestDigest);
  const indexDigest = digestOf(changedIndex);
  const upload = async (mediaType: string, bytes: Uint8Array): Promise<void> => {
    unwrap(await client.pushManifest(repository, { mediaType, bytes }), `a manifest of ${repository}`);
  };
  await upload(platform.mediaType, changedManifest);
  await upload(index.ok ? index.proof.mediaType : mediaTypes.index, changedIndex);
  await copyStatements(client, sample, sample.digest, { digest: indexDigest, bytes: changedIndex });
  await copyStatements(client, sample, platform.digest, { digest: manifestDigest, bytes: changedManifest });
  return {
    digest: indexDigest,
    change: `byte ${position} of layer ${layer.digest.slice(7, 19)}… (${platform.platform.architecture}) ${hex(before)} → ${hex(changedLayer[position] ?? 0)}; all statements of the original attached`,
  };
}

async function copyStatements(
  client: RegistryClient,
  sample: PublishedSample,
  from: Digest,
  to: { readonly digest: Digest; readonly bytes: Uint8Array },
): Promise<void> {
  const { repository } = sample;
  const subject = {
    mediaType: from === sample.digest ? mediaTypes.index : mediaTypes.manifest,
    digest: to.digest,
    size: to.bytes.length,
  };
  for (const referrer of unwrap(await client.referrers(repository, from), `referrers of ${from}`)) {
    // As the registry has them: what was attached later, an attested signature, is in no layout.
    const bytes = unwrap(await client.manifest(repository, referrer.digest), `referrer ${referrer.digest}`);
    const manifest = parseImageManifest(bytes, referrer.digest);
    const layer = manifest.ok ? manifest.proof.layers[0] : undefined;
    if (!manifest.ok || layer === undefined) continue;
    const content = unwrap(await client.blob(repository, layer), `layer ${layer.digest}`);
    const { annotations } = manifest.proof;
    const attachment = {
      artifactType: layer.mediaType,
      layer: content,
      layerMediaType: layer.mediaType,
      annotations,
    };
    unwrap(await client.attach(repository, subject, attachment), `referrers of ${to.digest}`);
  }
}

export interface SeparateVerification {
  readonly exitCode: number | null;
  /** What the process printed. */
  readonly lines: readonly string[];
}

/** Runs `verify-image` as any user would: another process, which shares nothing with this one. */
export function verifySeparately(context: LabContext, reference: string): Promise<SeparateVerification> {
  const { promise, resolve, reject } = Promise.withResolvers<SeparateVerification>();
  const main = join(context.directories.checkout, "bin", "neko-trust.mjs");
  const child = spawn(process.execPath, [main, "verify-image", reference, "--stack", "local"], {
    env: serviceEnvironment(context.environment),
    stdio: ["ignore", "pipe", "pipe"],
    signal: context.signal,
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  child.on("error", reject);
  child.on("close", (exitCode) => {
    resolve({ exitCode, lines: text.trimEnd().split("\n") });
  });
  return promise;
}

/** The copy must be refused, with exit code 1 and a finding; anything else is a bug that must not go unseen. */
export function assertRefused(verification: SeparateVerification): void {
  const refused = verification.exitCode === 1 && verification.lines.some((line) => line.startsWith("✗ refused"));
  if (refused) return;
  throw new Failure({
    code: "TAMPERED_COPY_NOT_REFUSED",
    kind: "refused",
    message: `verify-image did not refuse a tampered copy of the sample (exit code ${String(verification.exitCode)}).`,
    remedy: "Do not rely on this version: please report it with the lines below.",
    details: verification.lines,
  });
}
