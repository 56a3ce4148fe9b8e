import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Failure } from "../failure.ts";
import { sha256Hex } from "../oci/digest.ts";
import { decodeBase64 } from "./base64.ts";

/** A public key that the caller trusts by itself: no certificate, no authority, no period of validity. */
export interface TrustedKey {
  /** SHA-256 of the key's DER form (SubjectPublicKeyInfo), 64 lower-case hex digits: its name in messages. */
  readonly sha256: string;
  /** SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7), DER. */
  readonly spki: Uint8Array;
  readonly key: KeyObject;
}

const curves = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const leastRsaBits = 2048;
const pem = /^\s*-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END PUBLIC KEY-----\s*$/;

/**
 * Reads a PEM file with exactly one public key (RFC 7468, section 13): ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of
 * at least 2048 bits. Throws Failure KEY_INVALID (usage): for private keys and certificates, too, from which Node would
 * take the public half without a word.
 */
export function readPublicKey(file: Uint8Array): TrustedKey {
  const text = Buffer.from(file.subarray(0, 64 * 1024)).toString("latin1");
  const body = file.length > 64 * 1024 ? undefined : pem.exec(text)?.[1];
  const der = body === undefined ? undefined : decodeBase64(body.replace(/[\r\n]/g, ""));
  if (der === undefined) throw invalid(nameOf(text));
  let key: KeyObject;
  try {
    key = createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    throw invalid("what no public key can be read from");
  }
  const fault = keyFault(key);
  if (fault !== undefined) throw invalid(fault);
  // Another encoding of the same key (trailing bytes, explicit curve parameters) would be another key to a log. By way of
  // JSON, as Node keeps explicit parameters when it writes DER.
  const jwk = createPublicKey({ key: key.export({ format: "jwk" }), format: "jwk" });
  const spki = jwk.export({ format: "der", type: "spki" });
  if (!spki.equals(der)) throw invalid("a key that is not in its DER form");
  return { sha256: sha256Hex(spki), spki, key };
}

function keyFault({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): string | undefined {
  if (type === "ed25519") return undefined;
  if (type === "ec")
    return curves.has(details.namedCurve ?? "") ? undefined : `a key on the curve ${String(details.namedCurve)}`;
  if (type !== "rsa") return `a key of the kind ${String(type)}`;
  const bits = details.modulusLength ?? 0;
  if (bits < leastRsaBits) return `an RSA key of ${bits} bits`;
  return (details.publicExponent ?? 0n) < 3n ? "an RSA key whose exponent is too small" : undefined;
}

/** The kind of file, never its content: it may be a private key. */
function nameOf(text: string): string {
  if (/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(text)) return "a private key";
  if (text.includes("-----BEGIN CERTIFICATE-----")) return "a certificate";
  return text.split("-----BEGIN ").length > 2 ? "more than one key" : "something else";
}

function invalid(found: string): Failure {
  return new Failure({
    code: "KEY_INVALID",
    kind: "usage",
    message: `The key to verify with must be one public key in PEM form ("BEGIN PUBLIC KEY"), but this is ${found}.`,
    remedy: "Give an ECDSA key on P-256, P-384 or P-521, an Ed25519 key, or an RSA key of at least 2048 bits.",
  });
}
