import { constants, createHash, publicDecrypt, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { eddsa } from "@noble/curves/abstract/edwards.js";
import type { EdDSA } from "@noble/curves/abstract/edwards.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { HashAlgorithm } from "@sigstore/protobuf-specs";
import type { MessageSignature } from "@sigstore/bundle";
import type { SignedEntity } from "@sigstore/verify";
import { preAuthenticationEncoding } from "../intoto/pre-authentication-encoding.ts";

/**
 * Verification of the signature itself, by the algorithms that Sigstore registers (architecture-docs,
 * algorithm-registry.md). The library takes one hash for every key, and can't verify a digest without the bytes.
 */

type Algorithm = "sha256" | "sha384" | "sha512";

/** The digests that a message signature may cover, by protobuf-specs' number. */
const algorithms: ReadonlyMap<HashAlgorithm, Algorithm> = new Map([
  [HashAlgorithm.SHA2_256, "sha256"],
  [HashAlgorithm.SHA2_384, "sha384"],
  [HashAlgorithm.SHA2_512, "sha512"],
] as const);

export function messageAlgorithm(algorithm: HashAlgorithm): Algorithm | undefined {
  return algorithms.get(algorithm);
}

/**
 * A message signature as the library wants it, verified over the digest alone: the artifact's bytes need not be at
 * hand, and are compared with the digest by the caller. Node's crypto has no verification of a prehashed message.
 */
export function messageSignatureContent(message: MessageSignature): SignedEntity["signature"] {
  const { algorithm: number, digest } = message.messageDigest;
  const { signature } = message;
  const algorithm = messageAlgorithm(number);
  const sameDigest = (other: Buffer): boolean => other.equals(digest);
  return {
    signature,
    compareSignature: (other) => other.equals(signature),
    compareDigest: sameDigest,
    compareSignedDigest: sameDigest,
    verifySignature: (key) => algorithm !== undefined && verifyDigest(key, algorithm, digest, signature),
  };
}

/**
 * The library's content of an envelope, whose signature may also be by the hash that belongs to the key's curve: the
 * library takes SHA-256 for every one, as cosign does.
 */
export function envelopeSignatureContent(
  content: SignedEntity["signature"],
  envelope: { readonly payloadType: string; readonly payload: Uint8Array },
): SignedEntity["signature"] {
  const signed = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  return {
    signature: content.signature,
    compareSignature: (other) => content.compareSignature(other),
    compareDigest: (other) => content.compareDigest(other),
    compareSignedDigest: (other) => content.compareSignedDigest(other),
    verifySignature: (key) => hashesOf(key).some((hash) => verify(hash, signed, key, content.signature)),
  };
}

function hashesOf(key: KeyObject): readonly (Algorithm | null)[] {
  if (key.asymmetricKeyType === "ed25519") return [null];
  if (key.asymmetricKeyType === "rsa") return ["sha256"];
  if (key.asymmetricKeyType !== "ec") return [];
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === "secp384r1" ? ["sha384", "sha256"] : curve === "secp521r1" ? ["sha512", "sha256"] : ["sha256"];
}

const curves = { "P-256": p256, "P-384": p384, "P-521": p521 } as const;

function verifyDigest(key: KeyObject, algorithm: Algorithm, digest: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verifyByKind(key, algorithm, digest, signature);
  } catch {
    return false; // a signature that can't even be parsed by the key's scheme
  }
}

function verifyByKind(key: KeyObject, algorithm: Algorithm, digest: Uint8Array, signature: Uint8Array): boolean {
  if (key.asymmetricKeyType === "rsa") return verifyRsa(key, algorithm, digest, signature);
  const { crv, x, y } = key.export({ format: "jwk" });
  if (x === undefined) return false;
  const point = Buffer.from(x, "base64url");
  if (crv === "Ed25519") {
    // RFC 8032, section 5.1: Ed25519ph, the only form of Ed25519 that a hashedrekord entry can hold.
    return algorithm === "sha512" && ed25519OverDigest().verify(signature, digest, point, { zip215: false });
  }
  if (y === undefined || (crv !== "P-256" && crv !== "P-384" && crv !== "P-521")) return false;
  const uncompressed = Buffer.concat([Buffer.of(4), point, Buffer.from(y, "base64url")]);
  return curves[crv].verify(signature, digest, uncompressed, { prehash: false, format: "der", lowS: false });
}

const sha512 = (message: Uint8Array): Uint8Array => createHash("sha512").update(message).digest();
/** Made when it is needed, which is seldom: the curve's tables take longer than a verification. */
const ed25519OverDigest = (): EdDSA =>
  eddsa(
    ed25519.Point,
    Object.assign(sha512, {
      outputLen: 64,
      blockLen: 128,
      canXOF: false,
      create: () => {
        throw new Error("hashes are computed whole");
      },
    }),
    {
      // RFC 8032, section 2: dom2(phflag, context).
      domain: (data: Uint8Array, context: Uint8Array, phflag: boolean) =>
        Buffer.concat([
          Buffer.from("SigEd25519 no Ed25519 collisions"),
          Buffer.of(phflag ? 1 : 0, context.length),
          context,
          data,
        ]),
      prehash: (digest: Uint8Array) => digest,
    },
  );

/** What stands before the digest in a PKCS #1 v1.5 signature (RFC 8017, section 9.2, note 1). */
const digestInfo: Readonly<Record<Algorithm, string>> = {
  sha256: "3031300d060960864801650304020105000420",
  sha384: "3041300d060960864801650304020205000430",
  sha512: "3051300d060960864801650304020305000440",
};

function verifyRsa(key: KeyObject, algorithm: Algorithm, digest: Uint8Array, signature: Uint8Array): boolean {
  const expected = Buffer.concat([Buffer.from(digestInfo[algorithm], "hex"), digest]);
  // The whole block is compared: bytes after the digest would make forgeries possible (Bleichenbacher, 2006).
  return publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature).equals(expected);
}
