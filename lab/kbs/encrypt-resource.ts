import { createCipheriv, createHash, createPublicKey, diffieHellman, publicEncrypt, randomBytes } from "node:crypto";
import { constants, generateKeyPairSync } from "node:crypto";
import type { TeePublicKey } from "../../src/core/kbs/tee-key.ts";

/**
 * A resource as KBS encrypts it (kbs/src/jwe/mod.rs), on node:crypto alone: the client decrypts with another library, so that the
 * two agree by the specification and not by sharing a mistake.
 */
export function encryptResource(resource: Uint8Array, key: TeePublicKey): Record<string, string> {
  const contentKey = randomBytes(32);
  const { more, encryptedKey } = key.kty === "RSA" ? wrapForRsa(contentKey, key) : wrapForCurve(contentKey, key);
  const header = encode(JSON.stringify({ alg: key.alg, enc: "A256GCM", ...more }));
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", contentKey, iv).setAAD(Buffer.from(header, "ascii"));
  const ciphertext = Buffer.concat([cipher.update(resource), cipher.final()]);
  return {
    protected: header,
    encrypted_key: encode(encryptedKey),
    iv: encode(iv),
    ciphertext: encode(ciphertext),
    tag: encode(cipher.getAuthTag()),
  };
}

interface Wrapped {
  readonly more: Readonly<Record<string, unknown>>;
  readonly encryptedKey: Buffer;
}

function wrapForRsa(contentKey: Buffer, { kty, n, e }: Extract<TeePublicKey, { kty: "RSA" }>): Wrapped {
  const key = createPublicKey({ key: { kty, n, e }, format: "jwk" });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return { more: {}, encryptedKey: publicEncrypt({ key, padding, oaepHash: "sha256" }, contentKey) };
}

function wrapForCurve(contentKey: Buffer, { kty, crv, x, y }: Extract<TeePublicKey, { kty: "EC" }>): Wrapped {
  const publicKey = createPublicKey({ key: { kty, crv, x, y }, format: "jwk" });
  const ephemeral = generateKeyPairSync("ec", { namedCurve: crv });
  const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
  const wrappingKey = concatKdf(secret, "ECDH-ES+A256KW", 32);
  // RFC 3394, section 2.2.3.1: the default initial value.
  const cipher = createCipheriv("id-aes256-wrap", wrappingKey, Buffer.alloc(8, 0xa6));
  const encryptedKey = Buffer.concat([cipher.update(contentKey), cipher.final()]);
  const { x: epkX, y: epkY } = ephemeral.publicKey.export({ format: "jwk" });
  return { more: { epk: { crv, kty, x: epkX, y: epkY } }, encryptedKey };
}

/** The Concat KDF of RFC 7518, section 4.6.2, for keys of at most 32 bytes; KBS leaves both parties' information empty. */
export function concatKdf(
  secret: Uint8Array,
  algorithm: string,
  bytes: number,
  partyU: Uint8Array = Buffer.of(),
  partyV: Uint8Array = Buffer.of(),
): Buffer {
  const withLength = (data: Uint8Array): Buffer => Buffer.concat([number(data.length), data]);
  const otherInfo = [
    withLength(Buffer.from(algorithm, "ascii")),
    withLength(partyU),
    withLength(partyV),
    number(bytes * 8),
  ];
  return createHash("sha256")
    .update(Buffer.concat([number(1), secret, ...otherInfo]))
    .digest()
    .subarray(0, bytes);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const encode = (data: Uint8Array | string): string => Buffer.from(data).toString("base64url");
