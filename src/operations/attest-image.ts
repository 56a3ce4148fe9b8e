import type { RegistryClient } from "../adapters/registry/client.ts";
import type { Reference } from "../core/release/reference.ts";
import { attachedManifests } from "./attached-manifests.ts";
import type { AttestDocument } from "./attest-documents.ts";
import type { OpenedSigner } from "./open-signer.ts";
import { assertSomething, planStatements } from "./plan-statements.ts";
import type { PlannedStatement, ProvenanceToMake } from "./plan-statements.ts";
import { alreadyAttached, publishEach } from "./publish-each.ts";
import { publishStatement } from "./publish-statement.ts";
import type { PublishedStatement } from "./publish-statement.ts";
import { resolveSubjects } from "./resolve-subjects.ts";

export interface AttestImageRequest {
  readonly reference: Reference;
  readonly documents: readonly AttestDocument[];
  /** Makes a provenance for each platform. */
  readonly provenance?: ProvenanceToMake;
}

export type AttestedStatement = PublishedStatement & Pick<PlannedStatement, "kind" | "platform" | "notes">;

export interface AttestImageResult {
  /** `repository@digest`: what the reference was resolved to, once. */
  readonly resolved: string;
  readonly published: readonly AttestedStatement[];
}

/**
 * Makes statements about an image and its platforms, and attaches them. All are checked before the first is signed, by
 * the rules of verification; then nothing is attached. Throws Failure, which names what was attached before: that
 * stays, and attesting again is harmless.
 */
export async function attestImage(
  client: RegistryClient,
  signer: OpenedSigner,
  request: AttestImageRequest,
): Promise<AttestImageResult> {
  assertSomething(request);
  const { reference, documents, provenance } = request;
  const image = await resolveSubjects(client, reference);
  const { repository, resolved, digest } = image;
  const compared = documents.some(({ kind }) => kind === "sbom" || kind === "scan" || kind === "manifest");
  const planned = planStatements({
    image,
    documents,
    attached: compared ? await attachedManifests(client, repository, digest) : [],
    ...(provenance === undefined ? {} : { provenance }),
    ...(signer.kind === "keyless" ? { identity: signer.identity } : {}),
  });
  const published = await publishEach(
    planned,
    async ({ kind, platform, notes, ...statement }): Promise<AttestedStatement> => {
      const one = await publishStatement(client, signer, { repository, ...statement });
      return { ...one, kind, notes, ...(platform === undefined ? {} : { platform }) };
    },
    (one) => [alreadyAttached(repository, one)],
  );
  return { resolved, published };
}
