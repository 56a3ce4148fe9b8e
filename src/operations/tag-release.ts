import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import type { Digest } from "../core/oci/digest.ts";
import { mediaTypes } from "../core/oci/formats.ts";
import { withoutLaterStatements } from "../core/policy/without-later-statements.ts";
import { candidateTag } from "../core/release/candidate-tag.ts";
import type { DigestReference } from "../core/release/reference.ts";
import { formatDigestReference, parseReference } from "../core/release/reference.ts";
import type { VerifiedRelease } from "../core/release/verified-release.ts";
import type { Checked } from "../core/verify/finding.ts";
import { taggedDigest, tagTaken } from "./tagged-digest.ts";
import { verifyImage } from "./verify-image.ts";
import type { VerifyImageRequest } from "./verify-image.ts";

export interface TagReleaseRequest extends Omit<VerifyImageRequest, "reference"> {
  readonly reference: DigestReference;
  readonly tag: string;
  /** Whether a tag that names another digest is moved. */
  readonly move: boolean;
}

export interface TagReleaseResult {
  /** `repository@digest`. */
  readonly resolved: string;
  readonly result: Checked<VerifiedRelease>;
  /** What the tag named before; left out when it named nothing. */
  readonly before?: Digest;
  /** Whether the tag was written: not when the release is refused, or has the tag already. */
  readonly written: boolean;
}

/**
 * Gives a release a tag, once it is proven: the tag then names the very bytes that were verified. Throws TAG_TAKEN
 * (refused) for a tag that names another digest, and what asking and writing to the registry throw.
 */
export async function tagRelease(client: RegistryClient, request: TagReleaseRequest): Promise<TagReleaseResult> {
  const { reference, tag, move } = request;
  const { repository } = reference;
  // A tag that is none is told before anything is asked.
  parseReference(`${repository}:${tag}`);
  const { resolved, result } = await verifyImage(client, request);
  if (!result.ok) return { resolved, result, written: false };
  return { resolved, result, ...(await writeTag(client, reference, { tag, move })) };
}

/**
 * Asks the confidential signer for its signature: gives a release that verifies but for what others say of it later the tag of its
 * version's candidate, which moves. Throws what asking and writing to the registry throw.
 */
export async function tagCandidate(
  client: RegistryClient,
  { reference, policy, trustedRoot, now }: Omit<TagReleaseRequest, "tag" | "move" | "tee" | "deep">,
): Promise<TagReleaseResult & { readonly tag?: string }> {
  const under = { policy: withoutLaterStatements(policy), trustedRoot, now, tee: undefined };
  const { resolved, result } = await verifyImage(client, { reference, ...under });
  if (!result.ok) return { resolved, result, written: false };
  const tag = candidateTag(result.proof.data.manifest.version);
  return { resolved, result, tag, ...(await writeTag(client, reference, { tag, move: true })) };
}

async function writeTag(
  client: RegistryClient,
  { repository, digest }: DigestReference,
  { tag, move }: Pick<TagReleaseRequest, "tag" | "move">,
): Promise<Pick<TagReleaseResult, "before" | "written">> {
  const tagged = `${repository}:${tag}`;
  const before = await taggedDigest(client, repository, tag);
  const known = before === undefined ? {} : { before };
  if (before === digest) return { ...known, written: false };
  if (before !== undefined && !move) throw tagTaken({ repository, tag }, before, otherTag);
  const bytes = unwrap(await client.manifest(repository, digest), formatDigestReference(repository, digest));
  unwrap(await client.pushManifest(repository, { mediaType: mediaTypes.index, bytes }, tag), tagged);
  return { ...known, written: true };
}

const otherTag = "Choose another tag; a tag of a version never moves. One that is meant to move (3.1, latest): --move.";
