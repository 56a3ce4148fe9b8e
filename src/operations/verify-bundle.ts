import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { readRegularFile } from "../adapters/files/read-regular-file.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import type { ArtifactDigests, DigestAlgorithm } from "../core/intoto/match-subject.ts";
import { maxBundleBytes } from "../core/sigstore/bundle-schema.ts";
import { claimedDigests } from "../core/sigstore/claimed-digests.ts";
import type { ExpectedIdentity, KeyedArtifactBundle, VerifiedArtifactBundle } from "../core/sigstore/contract.ts";
import { readPublicKey } from "../core/sigstore/public-key.ts";
import { readTrustedRoot } from "../core/sigstore/trusted-root.ts";
import { assertIdentity, verifyBundle } from "../core/sigstore/verify-bundle.ts";
import type { BundleSubject } from "../core/sigstore/verify-bundle.ts";
import type { Checked } from "../core/verify/finding.ts";
import { maxTrustBytes } from "./read-file.ts";

/** Who must have signed: a certificate's identity, or the owner of the key in a PEM file. */
export type ExpectedSigner =
  { readonly kind: "identity"; readonly identity: ExpectedIdentity } | { readonly kind: "key"; readonly file: string };

export interface VerifyBundleRequest {
  /** The bundle's file. */
  readonly bundle: string;
  readonly signer: ExpectedSigner;
  /** A file, or `sha256:<64 lower-case hex digits>` where no file has that name. */
  readonly artifact: string;
  /** The file of a trusted root; left out for the public-good instance's (or its staging instance's). */
  readonly trustedRoot?: string;
  readonly staging: boolean;
  /** The folder with `stacks/`: the checkout, or the package's `dist`. */
  readonly checkout: string;
  readonly now: Date;
  /** Ends the reading of a large artifact. */
  readonly signal: AbortSignal;
}

/** One log and one promise of a certificate log; the time may come from the log or from an authority. */
const thresholds = { tlog: 1, ct: 1, tsa: 0 } as const;

/**
 * Verifies a bundle's file as a client of sigstore-conformance does: without network, against a trusted root in a file.
 * The artifact is hashed as it is read. Throws Failure for what the caller got wrong (IDENTITY_EMPTY before anything is
 * read, KEY_INVALID, a file that can't be read) and STAGING_ROOT_ABSENT; what is not proven is in the result.
 */
export async function verifyBundleFile(
  request: VerifyBundleRequest,
): Promise<Checked<VerifiedArtifactBundle | KeyedArtifactBundle>> {
  const { signer, now } = request;
  if (signer.kind === "identity") assertIdentity(signer.identity);
  const expected =
    signer.kind === "identity"
      ? { identity: signer.identity }
      : { key: readPublicKey(readFile(signer.file, "key", maxTrustBytes)) };
  const rootFile = request.trustedRoot ?? defaultRoot(request);
  const root = readTrustedRoot(
    readFile(rootFile, "trusted root", maxTrustBytes),
    signer.kind === "key" ? "keys" : "keyless",
  );
  if (!root.ok) return root;
  const bundle = readFile(request.bundle, "bundle", maxBundleBytes);
  const subject = await subjectOf(request.artifact, bundle, request.signal);
  return verifyBundle({ bundle, root: root.proof, thresholds, subject, now, ...expected });
}

function defaultRoot({ staging, checkout }: VerifyBundleRequest): string {
  if (staging) {
    throw new Failure({
      code: "STAGING_ROOT_ABSENT",
      kind: "unavailable",
      message: "The trusted root of Sigstore's staging instance is not part of neko-trust.",
      remedy: "Fetch trusted_root.json from tuf-repo-cdn.sigstage.dev over TUF, and name it with --trusted-root.",
    });
  }
  return join(checkout, "stacks", "roots", "public-good.json");
}

/** The protocol's rule: a digest only when it has exactly that form and no file has its name. */
async function subjectOf(artifact: string, bundle: Uint8Array, signal: AbortSignal): Promise<BundleSubject> {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(artifact)?.[1];
  if (hex !== undefined && !existsSync(artifact)) return { kind: "digest", algorithm: "sha256", hex };
  try {
    return { kind: "digests", digests: await hashFile(artifact, claimedDigests(bundle), signal) };
  } catch (error) {
    if (signal.aborted) throw error;
    throw unreadable(artifact, "artifact", error);
  }
}

/** The digests that the bundle may ask for, in one pass that holds no more than a chunk. */
async function hashFile(
  path: string,
  algorithms: ReadonlySet<DigestAlgorithm>,
  signal: AbortSignal,
): Promise<ArtifactDigests> {
  const hashes = [...algorithms].map((algorithm) => ({ algorithm, hash: createHash(algorithm) }));
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1024 * 1024, signal });
  for await (const chunk of chunks) for (const { hash } of hashes) hash.update(chunk);
  return Object.fromEntries(hashes.map(({ algorithm, hash }) => [algorithm, hash.digest("hex")]));
}

/** A file that is meant to be small; a larger one is refused before it is read. */
function readFile(path: string, what: string, most: number): Uint8Array {
  try {
    return readRegularFile(path, most);
  } catch (error) {
    throw unreadable(path, what, error);
  }
}

function unreadable(path: string, what: string, error: unknown): Failure {
  return new Failure(
    {
      code: "FILE_UNREADABLE",
      kind: "usage",
      message: `The ${what} ${path} can't be read: ${reasonOf(error)}.`,
      remedy: what === "artifact" ? "Name a file, or a digest as sha256:<64 hex digits>." : "Name a file.",
    },
    { cause: error },
  );
}
