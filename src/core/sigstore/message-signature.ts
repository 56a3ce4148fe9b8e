import type { KeyObject } from "node:crypto";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { HashAlgorithm } from "@sigstore/protobuf-specs";
import type { MessageSignature } from "@sigstore/bundle";
import type { SignedEntity } from "@sigstore/verify";

/** The digests that a message signature may cover, by protobuf-specs' number. */
const algorithms: ReadonlyMap<HashAlgorithm, "sha256" | "sha384" | "sha512"> = new Map([
  [HashAlgorithm.SHA2_256, "sha256"],
  [HashAlgorithm.SHA2_384, "sha384"],
  [HashAlgorithm.SHA2_512, "sha512"],
] as const);

export function messageAlgorithm(algorithm: HashAlgorithm): "sha256" | "sha384" | "sha512" | undefined {
  return algorithms.get(algorithm);
}

/**
 * A message signature as the library wants it, verified over the digest alone: the artifact's bytes need not be at
 * hand, and are compared with the digest by the caller. Node's crypto has no verification of a prehashed message.
 */
export function messageSignatureContent(message: MessageSignature): SignedEntity["signature"] {
  const digest = message.messageDigest.digest;
  const { signature } = message;
  const sameDigest = (other: Buffer): boolean => other.equals(digest);
  return {
    signature,
    compareSignature: (other) => other.equals(signature),
    compareDigest: sameDigest,
    compareSignedDigest: sameDigest,
    verifySignature: (key) => verifyDigest(key, digest, signature),
  };
}

const curves = { "P-256": p256, "P-384": p384, "P-521": p521 } as const;

function verifyDigest(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const { crv, x, y } = key.export({ format: "jwk" });
  if (x === undefined || y === undefined || (crv !== "P-256" && crv !== "P-384" && crv !== "P-521")) return false;
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  return curves[crv].verify(signature, digest, point, { prehash: false, format: "der", lowS: false });
}
