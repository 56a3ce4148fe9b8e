import type { Answer } from "../oci/answer.ts";
import type { NarDigest } from "../nix/nar.ts";
import type { Digest } from "../oci/digest.ts";
import type { VerifiedRelease } from "../release/verified-release.ts";
import type { Collateral } from "../tdx/contract.ts";
import type { Checked } from "./finding.ts";

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
  /** Signatures of cosign's older form (tag `sha256-….sig`) of the index. Left out: not looked for. */
  readonly legacySignatures?: Answer<readonly LegacySignatureEvidence[]>;
  /** By rebuilder's id and platform digest: what the repository at the rebuilder's location lists for that platform. */
  readonly rebuilds?: ReadonlyMap<string, ReadonlyMap<Digest, Answer<readonly ReferrerEvidence[]>>>;
  /** By platform digest: the NAR of its OCI layout, recomputed from the registry's blobs (`--deep`). Left out: not done. */
  readonly nars?: ReadonlyMap<Digest, Answer<NarDigest>>;
  /** The trusted_root.json that the stack names, as it lies on disk. */
  readonly trustedRoot: Uint8Array;
  /** What a policy with `tee` needs beside the referrers. Left out: not collected. */
  readonly tee?: TeeEvidence;
}

/** What attested signatures are verified with. */
export interface TeeEvidence {
  /** The release that `tee.signerRelease` names: proven in this process, or why it is not. */
  readonly signer: Checked<VerifiedRelease>;
  /** The root certificate (DER or PEM) of a lab's simulated platform, in place of Intel's. */
  readonly quoteRoot?: Uint8Array;
  /** Intel's collateral of today, of any platforms. It decides nothing, and may warn. Left out: nobody asked. */
  readonly collateral?: readonly Collateral[];
}

/** One referrer: an OCI manifest whose `subject` claims to be the image, and the Sigstore bundle in its first layer. */
export interface ReferrerEvidence {
  /** Digest of the referring manifest. */
  readonly digest: Digest;
  readonly manifest: Answer<Uint8Array>;
  /** The first layer's bytes (absent when the manifest could not be read or holds no bundle layer). */
  readonly bundle: Answer<Uint8Array>;
  /** The first layer's bytes where it is an attested signature (`mediaTypes.tdxEvidence`); else left out. */
  readonly tdxEvidence?: Answer<Uint8Array>;
}

/** One layer of the image under the tag `sha256-<hex>.sig` (cosign, specs/SIGNATURE_SPEC.md). */
export interface LegacySignatureEvidence {
  /** The layer's digest. */
  readonly digest: Digest;
  /** The signed payload ("simple signing"). */
  readonly payload: Answer<Uint8Array>;
  /** The layer's annotations: signature, certificate, chain, log entry, time stamp. */
  readonly annotations: Readonly<Record<string, string>>;
}
