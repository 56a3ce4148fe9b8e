import { createHash } from "node:crypto";
import { HashAlgorithm } from "@sigstore/protobuf-specs";
import type { Witness } from "@sigstore/sign";
import { preAuthenticationEncoding } from "../../core/intoto/pre-authentication-encoding.ts";

/**
 * Enters an envelope's signature into Rekor v2 as a hashedrekord of its pre-authentication encoding. The library would
 * send a dsse request, which rekor-tiles has deprecated and whose entries cosign 3.1 (sigstore-go 1.2) refuses.
 */
export function hashedRekordWitness(rekor: Witness): Witness {
  return {
    testify(content, publicKey) {
      if (content.$case !== "dsseEnvelope") return rekor.testify(content, publicKey);
      const { payload, payloadType, signatures } = content.dsseEnvelope;
      const digest = createHash("sha256").update(preAuthenticationEncoding(payloadType, payload)).digest();
      return rekor.testify(
        {
          $case: "messageSignature",
          messageSignature: {
            messageDigest: { algorithm: HashAlgorithm.SHA2_256, digest },
            signature: signatures[0]?.sig ?? Buffer.alloc(0),
          },
        },
        publicKey,
      );
    },
  };
}
