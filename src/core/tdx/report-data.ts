import { createHash, hash } from "node:crypto";
import { preAuthenticationEncoding } from "../intoto/pre-authentication-encoding.ts";
import { payloadType } from "../intoto/statement.ts";
import type { Digest } from "../oci/digest.ts";

/**
 * What a quote binds, and what time stamps are taken over (docs/decisions/0013-tee-evidence.md). Each has a domain of its own,
 * so that bytes that were made for one purpose mean nothing for another.
 */

const domain = Buffer.from("neko-trust/tdx-signer/v1\0", "latin1");
const challengeDomain = Buffer.from("neko-trust/tdx-signer/v1/challenge\0", "latin1");

const sha256 = (bytes: Uint8Array): Buffer => hash("sha256", bytes, "buffer");

/** Everything that one quote of the signer is bound to. */
export interface BoundParts {
  /** SubjectPublicKeyInfo of the signing key, DER. */
  readonly spki: Uint8Array;
  /** The statement's bytes, as they are signed (in-toto, within DSSE). */
  readonly payload: Uint8Array;
  /** `policyDigest` of the policy that the signer verified under: SHA-256 of its RFC 8785 form. */
  readonly policy: Digest;
  /** The time-stamp response that was there before the quote, as it is carried. */
  readonly challenge: Uint8Array;
}

/**
 * The 64 bytes of report data: SHA-512(domain ‖ SHA-256(SPKI) ‖ SHA-256(PAE(payload)) ‖ SHA-256(JCS(signer's policy)) ‖
 * SHA-256(challenge)). One key, one quote, one payload.
 */
export function reportData({ spki, payload, policy, challenge }: BoundParts): Uint8Array {
  return createHash("sha512")
    .update(domain)
    .update(sha256(spki))
    .update(sha256(preAuthenticationEncoding(payloadType, payload)))
    .update(Buffer.from(policy.slice("sha256:".length), "hex"))
    .update(sha256(challenge))
    .digest();
}

/** What the challenge is a time stamp of: the key, which did not sign anything before it. */
export function challengeImprint(spki: Uint8Array): Uint8Array {
  return Buffer.concat([challengeDomain, sha256(spki)]);
}

/** What the time stamps of a signature are of: SHA-256(quote) ‖ SHA-256(signature). */
export function stampImprint(quote: Uint8Array, signature: Uint8Array): Uint8Array {
  return Buffer.concat([sha256(quote), sha256(signature)]);
}
