import type { Answer } from "../oci/answer.ts";
import type { Digest } from "../oci/digest.ts";

/**
 * Everything that verifyRelease looks at, collected beforehand by an operation through adapters. Bytes are as they
 * came from the registry: they are hashed and parsed in the checks, not believed here.
 */
export interface Evidence {
  /** The repository that the digest was resolved in, `registry/path`. */
  readonly repository: string;
  /** What the reference was resolved to, once. */
  readonly digest: Digest;
  /** Raw manifests: the index, and each platform manifest that it lists. */
  readonly manifests: ReadonlyMap<Digest, Answer<Uint8Array>>;
  /** For the index and each platform: its referrers, or why they could not be listed. */
  readonly referrers: ReadonlyMap<Digest, Answer<readonly ReferrerEvidence[]>>;
  /** The trusted_root.json that the stack names, as it lies on disk. */
  readonly trustedRoot: Uint8Array;
}

/** One referrer: an OCI manifest whose `subject` claims to be the image, and the Sigstore bundle in its first layer. */
export interface ReferrerEvidence {
  /** Digest of the referring manifest. */
  readonly digest: Digest;
  readonly manifest: Answer<Uint8Array>;
  /** The first layer's bytes (absent when the manifest could not be read or holds no bundle layer). */
  readonly bundle: Answer<Uint8Array>;
}
