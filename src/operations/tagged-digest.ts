import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import { formatDigestReference, parseReference } from "../core/release/reference.ts";

/** What a tag names at a registry; undefined when it names nothing. Throws REFERENCE_INVALID, and what `unwrap` throws. */
export async function taggedDigest(
  client: RegistryClient,
  repository: string,
  tag: string,
): Promise<Digest | undefined> {
  const answer = await client.resolve(parseReference(`${repository}:${tag}`));
  return answer.kind === "absent" ? undefined : unwrap(answer, `image ${repository}:${tag}`).digest;
}

/** The refusal to give a release a tag that another one has: TAG_TAKEN. */
export function tagTaken(place: { readonly repository: string; readonly tag: string }, before: Digest, remedy: string) {
  const { repository, tag } = place;
  return new Failure({
    code: "TAG_TAKEN",
    kind: "refused",
    message: `${repository}:${tag} names ${formatDigestReference(repository, before)} already: nothing was changed.`,
    remedy,
  });
}
