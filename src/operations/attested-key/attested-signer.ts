import type { KeyObject } from "node:crypto";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";
import type { Attester, CollateralSource, QuoteTrust } from "../../core/tdx/contract.ts";

/** Where an attested signer's key is from. */
export type AttestedKey =
  /** A new key for each statement, which nobody but this trust domain ever had. */
  | { readonly kind: "ephemeral" }
  /** The key broker's, for verifiers that know signers by their key alone: the KBS operator can sign with it, too. */
  | { readonly kind: "kbs-key"; readonly fetch: (signal?: AbortSignal) => Promise<KeyObject> };

/** Everything that signs in a trust domain: its own measured policy, and what it asks outside. */
export interface AttestedSigner {
  readonly attester: Attester;
  readonly collateral: CollateralSource;
  /** RFC 3161 responses over data, one of each authority; at least one. The first authority's is the challenge, too. */
  readonly timestamps: readonly ((data: Uint8Array, signal?: AbortSignal) => Promise<Uint8Array>)[];
  /** The policy inside the measured image, without `tee`. */
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
  /** Intel's root; a lab's for its simulated platform. */
  readonly trust: QuoteTrust;
  readonly key: AttestedKey;
  readonly now: () => Date;
}
