import type { Answer } from "../../core/oci/answer.ts";
import { mediaTypes } from "../../core/oci/formats.ts";
import { parseReferrerManifest } from "../../core/oci/parse.ts";
import type { BlobDescriptor } from "../../core/oci/parse.ts";
import { buildReferrer } from "../../core/oci/referrer-builder.ts";
import type { Attachment } from "../../core/oci/referrer-builder.ts";
import type { ReferrerDescriptor } from "../../core/oci/referrers.ts";
import { digestOf } from "../../core/oci/digest.ts";
import { addToFallbackTag } from "./fallback-writer.ts";
import { referrersByApi } from "./list-referrers.ts";
import { pushBlob, pushManifest } from "./push.ts";
import type { Repository, Session } from "./session.ts";

export interface Attached {
  readonly descriptor: ReferrerDescriptor;
  /** Which list names it: the registry's own, or the fallback tag. */
  readonly listedBy: "api" | "fallback-tag";
}

/** Attaches one layer to an image, and sees to it that it is listed. The same attachment again adds nothing. */
export async function attach(
  session: Session,
  repository: Repository,
  subject: BlobDescriptor,
  attachment: Attachment,
): Promise<Answer<Attached>> {
  const built = buildReferrer(subject, attachment);
  for (const blob of built.blobs) {
    const pushed = await pushBlob(session, repository, blob.bytes);
    if (pushed.kind !== "found") return pushed;
  }
  return await list(session, repository, subject, built.descriptor, built.manifest);
}

/** Pushes a referrer's manifest as it stands, when its blobs are there already, and sees to it that it is listed. */
export async function pushReferrer(
  session: Session,
  repository: Repository,
  manifest: Uint8Array,
): Promise<Answer<Attached>> {
  const digest = digestOf(manifest);
  const parsed = parseReferrerManifest(manifest, digest);
  if (!parsed.ok) return { kind: "broken", detail: `${digest} is no referrer: ${parsed.findings[0].found}` };
  const { artifactType, annotations, subject } = parsed.proof;
  const descriptor: ReferrerDescriptor = {
    mediaType: mediaTypes.manifest,
    digest,
    size: manifest.length,
    artifactType,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  return await list(session, repository, subject, descriptor, manifest);
}

async function list(
  session: Session,
  repository: Repository,
  subject: BlobDescriptor,
  descriptor: ReferrerDescriptor,
  bytes: Uint8Array,
): Promise<Answer<Attached>> {
  const pushed = await pushManifest(session, repository, { mediaType: descriptor.mediaType, bytes });
  if (pushed.kind === "conflict") return { kind: "broken", detail: "a manifest was refused as if it were a tag" };
  if (pushed.kind !== "found") return pushed;
  // The OCI-Subject header is no proof: some registries send it without having the API (ECR). What it lists is.
  const api = await referrersByApi(session, repository, subject.digest);
  if (api.kind !== "found" && api.kind !== "absent") return api;
  const listed = api.kind === "found" && api.value.descriptors.some(({ digest }) => digest === descriptor.digest);
  if (listed) return { kind: "found", value: { descriptor, listedBy: "api" } };
  const added = await addToFallbackTag(session, repository, subject.digest, descriptor);
  return added.kind === "found" ? { kind: "found", value: { descriptor, listedBy: "fallback-tag" } } : added;
}
