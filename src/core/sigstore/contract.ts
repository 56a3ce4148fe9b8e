/** What a signer must be, exactly: no patterns, no defaults (facts: identity options of the library are fail-open). */
export interface ExpectedIdentity {
  /** OIDC issuer, compared byte for byte. */
  readonly issuer: string;
  /** Subject alternative name (URI), compared byte for byte. */
  readonly subject: string;
}

/** Minimum numbers, counted by distinct log id and distinct authority, never by entry. */
export interface BundleThresholds {
  /** Transparency logs, at least 1. */
  readonly tlog: number;
  /** Certificate transparency logs, at least 1. */
  readonly ct: number;
  /** Time-stamp authorities; 0 leaves the time to the log's signed entry timestamp. */
  readonly tsa: number;
}

/**
 * Certificate extensions of Fulcio, decoded (1.3.6.1.4.1.57264.1.N; fulcio docs/oid-info.md). Absent ones are undefined.
 * N below 8 are raw strings, from 8 on DER UTF8String.
 */
export interface CertificateClaims {
  readonly issuer: string; //                     .8, else .1
  readonly subjectAlternativeName: string;
  readonly buildSignerUri?: string; //            .9
  readonly buildSignerDigest?: string; //         .10
  readonly runnerEnvironment?: string; //         .11
  readonly sourceRepositoryUri?: string; //       .12
  readonly sourceRepositoryDigest?: string; //    .13
  readonly sourceRepositoryRef?: string; //       .14
  readonly sourceRepositoryId?: string; //        .15
  readonly sourceRepositoryOwnerUri?: string; //  .16
  readonly sourceRepositoryOwnerId?: string; //   .17
  readonly buildConfigUri?: string; //            .18
  readonly buildConfigDigest?: string; //         .19
  readonly buildTrigger?: string; //              .20
  readonly runInvocationUri?: string; //          .21
  readonly sourceRepositoryVisibility?: string; // .22
  readonly deploymentEnvironment?: string; //     .23
  readonly tokenSubject?: string; //              .24
}

/** A time that somebody whom the trusted root names put his signature to. */
export interface TrustedTime {
  readonly source: "tsa" | "tlog";
  readonly time: Date;
  /** Who vouches: a log id, or the SHA-256 of the authority's root key; lower-case hex. */
  readonly authority: string;
}

/** What is proven of every signature, whoever made it. */
export interface ProvenSignature {
  /** Trusted times of the signature: from a time-stamp authority, or a log's signed entry timestamp. */
  readonly times: readonly TrustedTime[];
  /** Distinct transparency logs that hold the entry, as hex log ids, sorted. */
  readonly logs: readonly string[];
  /** The signed content: a DSSE envelope's payload with its type, or the digest that a message signature covers. */
  readonly content: SignedContent;
}

/** What the cryptography of one bundle proves, before any policy is asked. It has at least one trusted time. */
export interface VerifiedBundle extends ProvenSignature {
  readonly claims: CertificateClaims;
  /** The leaf certificate's validity: the window that every trusted time lay in. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Distinct certificate transparency logs that promised the certificate, as hex log ids, sorted. */
  readonly ctLogs: readonly string[];
}

/**
 * What the cryptography of a bundle proves that was signed with a given key. It may have no trusted time: a given key
 * is valid for as long as the caller gives it, so no window is missed. Rekor v2's entries, and v1's without a promise,
 * carry none.
 */
export interface KeyedBundle extends ProvenSignature {
  /** SHA-256 of the key's SubjectPublicKeyInfo, 64 lower-case hex digits. */
  readonly key: string;
}

export type SignedContent =
  | { readonly kind: "dsse"; readonly payloadType: string; readonly payload: Uint8Array }
  | { readonly kind: "message"; readonly algorithm: "sha256" | "sha384" | "sha512"; readonly digest: string };

/** A bundle that was verified, with the identity and subject also as asked. */
export interface VerifiedArtifactBundle extends VerifiedBundle {
  /** For a DSSE bundle: the in-toto predicate type. */
  readonly predicateType?: string;
}

/** As VerifiedArtifactBundle, for a bundle that was verified with a given key. */
export interface KeyedArtifactBundle extends KeyedBundle {
  readonly predicateType?: string;
}
