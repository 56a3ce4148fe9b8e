import { createHmac } from "node:crypto";
import { secretbox, hsalsa } from "@noble/ciphers/salsa.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { Failure } from "../failure.ts";

/**
 * Secrets of GitHub Actions, sealed as libsodium's crypto_box_seal does (doc.libsodium.org, "Sealed boxes"): an
 * ephemeral key pair's public key, and a box from it to the recipient whose nonce is BLAKE2b of both public keys.
 *
 * libsodium takes the ephemeral key at random, so that every run would give another text and every update would write
 * the secret anew. Here it is a keyed hash over everything that is sealed: same secret, same place, same recipient,
 * same text. Without the seed, what is sealed can't be told from random; decision 0008 says what that leaks.
 */
export interface SecretToSeal {
  readonly value: string;
  /** Where it goes, for example `owner/name production COSIGN_KEY`: equal values in two places must not look equal. */
  readonly place: string;
  /** The stack's own random text, of at least 32 bytes in base64. */
  readonly seed: string;
}

/** GitHub's limit for one secret (docs.github.com, "Using secrets in GitHub Actions"). */
const longestSecret = 48 * 1024;
/** 43 characters of base64 hold 32 bytes. */
const seedPattern = /^[A-Za-z0-9+/_-]{43,512}={0,2}$/;

/**
 * The faults that can be told before the recipient is known; it throws for each. No message holds a value.
 * Throws (usage) SEALING_SEED_INVALID, SECRET_EMPTY, SECRET_TOO_LONG.
 */
export function assertSealable({ value, place, seed }: SecretToSeal): void {
  if (!seedPattern.test(seed)) {
    throw failure(
      "SEALING_SEED_INVALID",
      "The seed that secrets are sealed with is not 32 random bytes in base64.",
      "Make one with `openssl rand -base64 32`, and set it as a secret of the stack.",
    );
  }
  const bytes = Buffer.byteLength(value);
  if (value.trim() === "") {
    throw failure("SECRET_EMPTY", `The value for ${place} is empty.`, "Set it at its source, or remove the secret.");
  }
  if (bytes > longestSecret) {
    throw failure(
      "SECRET_TOO_LONG",
      `The value for ${place} has ${bytes} bytes; GitHub takes ${longestSecret}.`,
      "Give the job a shorter secret, and let it fetch the rest.",
    );
  }
}

/**
 * The sealed text in base64, for `valueEncrypted`. `publicKey` is the environment's, in base64, as GitHub gives it.
 * Throws what `assertSealable` throws, and SEALING_KEY_INVALID (unavailable).
 */
export function sealSecret(secret: SecretToSeal, publicKey: string): string {
  assertSealable(secret);
  const recipient = decodeKey(publicKey, secret.place);
  const ephemeral = ephemeralKey(secret, recipient);
  return Buffer.from(sealedBox(Buffer.from(secret.value, "utf8"), recipient, ephemeral)).toString("base64");
}

/** crypto_box_seal with a given ephemeral secret key. */
export function sealedBox(message: Uint8Array, recipient: Uint8Array, ephemeral: Uint8Array): Uint8Array {
  const sender = x25519.getPublicKey(ephemeral);
  const nonce = blake2b(Buffer.concat([sender, recipient]), { dkLen: 24 });
  const box = secretbox(boxKey(x25519.getSharedSecret(ephemeral, recipient)), nonce).seal(message);
  return Buffer.concat([sender, box]);
}

/** crypto_box_beforenm: HSalsa20 of the shared secret, with a nonce of zeros. */
function boxKey(shared: Uint8Array): Uint8Array {
  const words = (bytes: Uint8Array): Uint32Array => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
  };
  const out = new Uint32Array(8);
  hsalsa(words(Buffer.from("expand 32-byte k")), words(shared), new Uint32Array(4), out);
  const key = Buffer.alloc(32);
  out.forEach((word, index) => key.writeUInt32LE(word, index * 4));
  return key;
}

/** Each part with its length before it, so that no two lists of parts give the same bytes. */
function ephemeralKey({ value, place, seed }: SecretToSeal, recipient: Uint8Array): Uint8Array {
  const hash = createHmac("sha256", seed).update("neko-trust/sealed-secret/v1\0");
  for (const part of [Buffer.from(place), recipient, Buffer.from(value)]) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    hash.update(length).update(part);
  }
  return hash.digest();
}

function decodeKey(publicKey: string, place: string): Uint8Array {
  const bytes = Buffer.from(publicKey, "base64");
  // A point of low order would make the shared secret a constant: anyone could open the box.
  if (bytes.length === 32 && bytes.toString("base64") === publicKey && !isLowOrder(bytes)) return bytes;
  throw new Failure({
    code: "SEALING_KEY_INVALID",
    kind: "unavailable",
    message: `GitHub's public key for ${place} is not an X25519 key of 32 bytes in base64.`,
    remedy: "Try again; if it stays, look at what answers in GitHub's place.",
  });
}

function isLowOrder(bytes: Uint8Array): boolean {
  try {
    x25519.getSharedSecret(new Uint8Array(32).fill(1), bytes);
    return false;
  } catch {
    return true;
  }
}

function failure(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}
