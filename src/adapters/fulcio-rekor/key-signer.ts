import { sign } from "node:crypto";
import type { Bundle, Signer } from "@sigstore/sign";
import type { SigningKey } from "../../core/sigstore/signing-key.ts";

/** Signs with a key of one's own. */
export function keySigner({ privateKey, publicKey }: SigningKey): Signer {
  return {
    sign: (data) =>
      Promise.resolve({
        signature: sign("sha256", data, privateKey),
        key: { $case: "publicKey", publicKey },
      }),
  };
}

/**
 * The bundle with the key's hint, as cosign writes it. Not given to the library, which would also make it the envelope's
 * keyid: go-securesystemslib, and with it cosign, passes over signatures whose keyid is not its own idea of one.
 */
export function withKeyHint(bundle: Bundle, { hint }: SigningKey): Bundle {
  const { verificationMaterial } = bundle;
  const content = { $case: "publicKey", publicKey: { hint } } as const;
  return { ...bundle, verificationMaterial: { ...verificationMaterial, content } };
}
