import { z } from "zod";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import { Failure } from "../core/failure.ts";
import type { FailureKind } from "../core/failure.ts";
import { parseStrictJson } from "../core/json/strict-json.ts";
import type { Digest } from "../core/oci/digest.ts";
import { formatPlatform, mediaTypes, platformSchema } from "../core/oci/formats.ts";
import { parseIndex, parsePlatformManifest } from "../core/oci/parse.ts";
import type { BlobDescriptor } from "../core/oci/parse.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import type { Reference } from "../core/release/reference.ts";
import { safeParse } from "../core/safe-parse.ts";
import type { Finding } from "../core/verify/finding.ts";
import { describeFinding } from "./verify-releases.ts";

/** What statements can be made about: an image's index, and the platforms that it lists. */
export interface ImageSubjects {
  readonly repository: string;
  readonly digest: Digest;
  /** `repository@digest` */
  readonly resolved: string;
  /** The index; or the manifest alone, when the reference names one. */
  readonly subject: BlobDescriptor;
  /** By platform, `linux/amd64`, sorted; the subject itself when the reference names a manifest. */
  readonly platforms: ReadonlyMap<string, BlobDescriptor>;
}

/** A Failure that tells findings one by one, with the code of the first. */
export function failureOfFindings(
  findings: readonly [Finding, ...Finding[]],
  kind: FailureKind,
  message: string,
  remedy: string,
): Failure {
  return new Failure({ code: findings[0].code, kind, message, remedy, details: findings.map(describeFinding) });
}

/**
 * Resolves the reference to a digest, once, and reads what it is. An image that no policy could accept (an index inside
 * an index, unknown types) is refused, with the codes of verification; nothing is signed that can't be verified.
 */
export async function resolveSubjects(client: RegistryClient, reference: Reference): Promise<ImageSubjects> {
  const { repository, tag, digest: asked } = reference;
  const name = `${repository}${tag === undefined ? "" : `:${tag}`}${asked === undefined ? "" : `@${asked}`}`;
  const { digest, mediaType, bytes } = unwrap(await client.resolve(reference), `image ${name}`);
  const resolved = formatDigestReference(repository, digest);
  const subject = { mediaType, digest, size: bytes.length };
  const refused = (findings: readonly [Finding, ...Finding[]]): Failure =>
    failureOfFindings(
      findings,
      "refused",
      `${resolved} is not an image that could be verified.`,
      "Build and push it again.",
    );
  if (mediaType !== mediaTypes.index && mediaType !== mediaTypes.dockerIndex) {
    const manifest = parsePlatformManifest(bytes, digest);
    if (!manifest.ok) throw refused(manifest.findings);
    const platform = await platformOf(client, repository, manifest.proof.config);
    return { repository, digest, resolved, subject, platforms: new Map([[platform, subject]]) };
  }
  const index = parseIndex(bytes, digest);
  if (!index.ok) throw refused(index.findings);
  const platforms = index.proof.manifests.map(({ platform, mediaType: type, digest: own, size }) => {
    return [formatPlatform(platform), { mediaType: type, digest: own, size }] as const;
  });
  return { repository, digest, resolved, subject, platforms: new Map(platforms.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

const maxConfigBytes = 1024 * 1024;

/** An image without an index says its platform in its config. */
async function platformOf(client: RegistryClient, repository: string, config: BlobDescriptor): Promise<string> {
  const bytes = unwrap(
    await client.blob(repository, config, maxConfigBytes),
    `config ${config.digest} of ${repository}`,
  );
  const json = parseStrictJson(bytes, { maxBytes: maxConfigBytes });
  const read = safeParse(z.looseObject(platformSchema.shape), json.ok ? json.value : undefined);
  if (read.success) return formatPlatform(read.data);
  throw new Failure({
    code: "PLATFORM_MANIFEST_INVALID",
    kind: "refused",
    message: `The config ${config.digest} of ${repository} does not say which platform the image is for.`,
    remedy: "Build and push the image again.",
  });
}
