import { createPublicKey, verify } from "node:crypto";
import { nixBase32OfSri } from "./hash-formats.ts";
import type { PathInfo } from "./path-info.ts";

/** A key that signs store objects: its name, and 32 bytes of Ed25519 in base 64 (nix.conf, `trusted-public-keys`). */
export interface NarSigningKey {
  readonly name: string;
  readonly publicKey: string;
}

/** nixpkgs' public cache; nix.conf's own default. */
export const publicCacheKey: NarSigningKey = {
  name: "cache.nixos.org-1",
  publicKey: "6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=",
};

/**
 * Whether a key signed exactly this object: path, NAR hash, size and references (Nix, `ValidPathInfo::fingerprint`).
 * The key's name alone proves nothing: any cache can write one beside its own signature.
 */
export function isSignedBy(info: PathInfo, key: NarSigningKey): boolean {
  const own = info.signatures.filter(({ keyName }) => keyName === key.name);
  if (own.length === 0) return false;
  const x = Buffer.from(key.publicKey, "base64").toString("base64url");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const signed = Buffer.from(fingerprint(info), "utf8");
  return own.some(({ signature }) => {
    const bytes = Buffer.from(signature, "base64");
    return bytes.length === 64 && verify(null, signed, publicKey, bytes);
  });
}

function fingerprint({ path, narHash, narSize, references }: PathInfo): string {
  const sorted = [...new Set(references)].sort().join(",");
  return `1;${path};sha256:${nixBase32OfSri(narHash)};${narSize};${sorted}`;
}
