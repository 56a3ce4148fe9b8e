import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Failure } from "../failure.ts";

/** What an administrator's token says (kbs/docs/admin.md): KBS compares `iss` and `aud`, and looks `role` up in its list. */
export interface AdminClaims {
  readonly issuer: string;
  readonly audience: string;
  readonly role: string;
  /** How long it is good for. */
  readonly minutes: number;
}

/**
 * A token for the admin routes of KBS: EdDSA (RFC 8037), good for minutes only. Trustee's own scripts make one that is good
 * for ten years. Throws KBS_ADMIN_KEY_INVALID, which never shows the key.
 */
export function adminToken(privateKeyPem: string, claims: AdminClaims, now: Date): string {
  const key = adminKey(privateKeyPem);
  const issued = Math.floor(now.getTime() / 1000);
  const { issuer, audience, role, minutes } = claims;
  const payload = { iss: issuer, aud: audience, role, iat: issued, exp: issued + minutes * 60 };
  const signed = `${part({ alg: "EdDSA", typ: "JWT" })}.${part(payload)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
}

/** The public half, as SPKI in PEM: all of the administrator's key that is ever in the cluster. */
export function adminPublicKey(privateKeyPem: string): string {
  return createPublicKey(adminKey(privateKeyPem)).export({ type: "spki", format: "pem" }).toString();
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value), "utf8").toString("base64url");

function adminKey(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // What OpenSSL says may quote the text.
  }
  if (key?.asymmetricKeyType === "ed25519") return key;
  throw new Failure({
    code: "KBS_ADMIN_KEY_INVALID",
    kind: "usage",
    message: "The key broker's administrator key is no Ed25519 private key in PEM (PKCS #8).",
    remedy: "Make one with: openssl genpkey -algorithm ed25519",
  });
}
