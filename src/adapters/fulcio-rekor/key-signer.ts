import { sign } from "node:crypto";
import type { Signer } from "@sigstore/sign";
import type { SigningKey } from "../../core/sigstore/signing-key.ts";

/** Signs with a key of one's own; the bundle names it by cosign's hint. */
export function keySigner({ privateKey, publicKey, hint }: SigningKey): Signer {
  return {
    sign: (data) =>
      Promise.resolve({
        signature: sign("sha256", data, privateKey),
        key: { $case: "publicKey", publicKey, hint },
      }),
  };
}
