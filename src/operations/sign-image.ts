import type { RegistryClient } from "../adapters/registry/client.ts";
import { predicateTypes } from "../core/intoto/statement.ts";
import type { Reference } from "../core/release/reference.ts";
import { alreadyAttached, publishEach } from "./publish-each.ts";
import { publishStatement } from "./publish-statement.ts";
import type { PublishedStatement, StatementSigner } from "./publish-statement.ts";
import { resolveSubjects } from "./resolve-subjects.ts";

export interface SignImageRequest {
  readonly reference: Reference;
  /** Signs the platforms that the index lists as well. */
  readonly recursive: boolean;
}

export interface SignImageResult {
  /** `repository@digest`: what was signed, whatever the reference's tag names by now. */
  readonly resolved: string;
  /** The index's first. */
  readonly published: readonly PublishedStatement[];
}

/**
 * Signs an image as cosign 3 does: a statement of its signature predicate, attached to the index as a referrer. The
 * reference is resolved once. Throws Failure, which names what was attached before: that stays, and signing again is harmless.
 */
export async function signImage(
  client: RegistryClient,
  signer: StatementSigner,
  { reference, recursive }: SignImageRequest,
): Promise<SignImageResult> {
  const { repository, resolved, subject, platforms } = await resolveSubjects(client, reference);
  const others = [...platforms.values()].filter(({ digest }) => recursive && digest !== subject.digest);
  const published = await publishEach(
    [subject, ...others],
    (one) =>
      publishStatement(client, signer, {
        repository,
        subject: one,
        predicateType: predicateTypes.signature,
        predicate: {},
      }),
    (one) => [alreadyAttached(repository, one)],
  );
  return { resolved, published };
}
