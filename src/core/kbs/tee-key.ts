import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { z } from "zod";
import { canonicalBytes } from "../json/canonical-json.ts";
import { kbsUsage } from "./kbs-failure.ts";

/**
 * The key that a broker encrypts a resource to, as the protocol shows it: a JWK (RFC 7517) of exactly these members. KBS parses it
 * into a type of its own and writes it anew, so that any further member (`use`, `kid`, `ext`, `key_ops`) would vanish there, and
 * the report data would no longer match (kbs-types, TeePubKey).
 */

/** Bytes of a coordinate, in base64url without padding: RFC 7518, section 6.2.1.2, fixes their length. */
const coordinate = (bytes: number) =>
  z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${Math.ceil((bytes * 8) / 6)}}$`), `must be ${bytes} bytes in base64url`);

const ellipticCurve = (crv: "P-256" | "P-521", bytes: number) =>
  z.strictObject({
    kty: z.literal("EC"),
    alg: z.literal("ECDH-ES+A256KW"),
    crv: z.literal(crv),
    x: coordinate(bytes),
    y: coordinate(bytes),
  });

const rsa = z.strictObject({
  kty: z.literal("RSA"),
  alg: z.literal("RSA-OAEP-256"),
  n: z.string().regex(/^[A-Za-z0-9_-]{342,1366}$/, "must be 2048 to 8192 bits in base64url"),
  e: z.string().regex(/^[A-Za-z0-9_-]{1,8}$/, "must be base64url"),
});

/** What kbs/src/jwe/mod.rs encrypts to, without RSA1_5 (deprecated) and ML-KEM (experimental). P-384 is not among it. */
export const teePublicKeySchema = z.union([ellipticCurve("P-256", 32), ellipticCurve("P-521", 66), rsa]);
export type TeePublicKey = z.infer<typeof teePublicKeySchema>;

const curves: Readonly<Record<string, "P-256" | "P-521">> = { prime256v1: "P-256", secp521r1: "P-521" };

/** Public members alone of a key pair's either half. Throws KBS_TEE_KEY_UNSUPPORTED (usage) for any other key. */
export function teePublicKey(key: KeyObject): TeePublicKey {
  const half = key.type === "private" ? createPublicKey(key) : key;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = half;
  const crv = curves[details?.namedCurve ?? ""];
  if (half.type === "public" && type === "ec" && crv !== undefined) {
    const { x = "", y = "" } = half.export({ format: "jwk" });
    return { kty: "EC", alg: "ECDH-ES+A256KW", crv, x, y };
  }
  const bits = details?.modulusLength ?? 0;
  if (half.type === "public" && type === "rsa" && bits >= 2048 && bits <= 8192) {
    const { n = "", e = "" } = half.export({ format: "jwk" });
    return { kty: "RSA", alg: "RSA-OAEP-256", n, e };
  }
  throw kbsUsage(
    "KBS_TEE_KEY_UNSUPPORTED",
    "The key broker can't encrypt to this key: it is not EC on P-256 or P-521, nor RSA of 2048 to 8192 bits.",
    "Make a key on P-256 for each request; keys on P-384 and of other types are not supported by Trustee.",
  );
}

/** Whether both are the same key: compared in RFC 8785's form, in which the order of members says nothing. */
export function isSameTeeKey(one: TeePublicKey, other: TeePublicKey): boolean {
  return Buffer.from(canonicalBytes(one)).equals(canonicalBytes(other));
}
