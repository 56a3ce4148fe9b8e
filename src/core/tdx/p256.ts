import { createPublicKey, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** SubjectPublicKeyInfo of a point on P-256, uncompressed, up to its x: the one form of such a key (RFC 5480, section 2). */
const spkiHead = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");

/** Whether bytes are that form; the point may still not lie on the curve. */
function isP256Spki(spki: Uint8Array): boolean {
  return spki.length === spkiHead.length + 64 && spkiHead.equals(spki.subarray(0, spkiHead.length));
}

/** A key from its SubjectPublicKeyInfo; undefined where it is not P-256 or the point is not on the curve. */
export function p256Key(spki: Uint8Array): KeyObject | undefined {
  if (!isP256Spki(spki)) return undefined;
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

/** A key from x ‖ y, 64 bytes. */
export function p256KeyFromPoint(point: Uint8Array): KeyObject | undefined {
  return p256Key(Buffer.concat([spkiHead, point]));
}

/** ECDSA with SHA-256; the signature as r ‖ s (quotes, collateral) or DER (certificates, lists). Never throws. */
export function verifiesP256(
  key: KeyObject,
  signed: Uint8Array,
  signature: Uint8Array,
  form: "ieee-p1363" | "der",
): boolean {
  if (form === "ieee-p1363" && signature.length !== 64) return false;
  try {
    return verify("sha256", signed, { key, dsaEncoding: form }, signature);
  } catch {
    return false;
  }
}
