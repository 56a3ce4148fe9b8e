import type { RegistryClient } from "../adapters/registry/client.ts";
import { unwrap } from "../adapters/registry/unwrap.ts";
import { writeStatement } from "../core/intoto/write-statement.ts";
import { bundleAttachment } from "../core/oci/bundle-attachment.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { BlobDescriptor } from "../core/oci/parse.ts";
import { formatDigestReference } from "../core/release/reference.ts";

/** Signs statements, however: keyless, or with a key file. */
export interface StatementSigner {
  /** Who signs, for people: an identity, or a key's fingerprint. Nothing secret. */
  readonly name: string;
  /** A Sigstore bundle's JSON bytes around exactly these bytes. Throws Failure; no message holds a token or key. */
  readonly sign: (statement: Uint8Array) => Promise<Uint8Array>;
  /** The workflow with its ref that its certificate will name (.9), when it signs with a workflow's identity. */
  readonly builderId?: string;
  /** The run that its certificate will name (.21). */
  readonly invocationId?: string;
}

export interface PublishStatementInput {
  /** Where it is attached: `registry/path`, usually the image's own repository. */
  readonly repository: string;
  /** What the statement is about: an index or a platform's manifest. It need not lie in that repository. */
  readonly subject: BlobDescriptor;
  /** The subject's name in the statement; the repository unless given. */
  readonly subjectName?: string;
  readonly predicateType: string;
  /** Plain JSON. */
  readonly predicate: unknown;
}

export interface PublishedStatement {
  /** The referring manifest. */
  readonly referrer: Digest;
  readonly predicateType: string;
  readonly subject: Digest;
  readonly signer: string;
  readonly listedBy: "api" | "fallback-tag";
}

/** Makes a statement about a subject, has it signed, and attaches the bundle as the subject's referrer. */
export async function publishStatement(
  client: RegistryClient,
  signer: StatementSigner,
  input: PublishStatementInput,
): Promise<PublishedStatement> {
  const { repository, subject, predicateType, predicate } = input;
  const statement = writeStatement({
    subject: [{ name: input.subjectName ?? repository, digest: { sha256: subject.digest.slice("sha256:".length) } }],
    predicateType,
    predicate,
  });
  const bundle = await signer.sign(statement);
  const attached = unwrap(
    await client.attach(repository, subject, bundleAttachment(bundle, predicateType)),
    `a referrer of ${formatDigestReference(repository, subject.digest)}`,
  );
  return {
    referrer: attached.descriptor.digest,
    predicateType,
    subject: subject.digest,
    signer: signer.name,
    listedBy: attached.listedBy,
  };
}
