import { labOrganization } from "../../src/core/sigstore/trusted-root.ts";
import type { KeyName, KeyPair } from "./authority-material.ts";
import { spkiOf } from "./certificates.ts";
import { rekorV2Signer } from "./checkpoint.ts";
import { logIdOf } from "./ct-log.ts";
import { labNames } from "./names.ts";

export interface TrustedRootParts {
  /** From when on every key is valid. */
  readonly start: Date;
  /** Chains in DER, the issuing (or stamping) certificate first. */
  readonly fulcio: readonly Uint8Array[];
  readonly tsa: readonly Uint8Array[];
  readonly fulcioName: string;
  readonly tsaName: string;
  readonly keys: Readonly<Record<KeyName, KeyPair>>;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** trusted_root.json. Without the newer `operator`: policy-controller's parser refuses fields that it doesn't know. */
export function writeTrustedRoot(parts: TrustedRootParts): Buffer {
  const validFor = { start: parts.start.toISOString().replace(".000Z", "Z") };
  const log = (baseUrl: string, key: KeyPair, keyDetails: string, id: Uint8Array) => ({
    baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: { rawBytes: base64(spkiOf(key.publicKey)), keyDetails, validFor },
    logId: { keyId: base64(id) },
  });
  const authority = (commonName: string, uri: string, chain: readonly Uint8Array[]) => ({
    subject: { organization: labOrganization, commonName },
    uri,
    certChain: { certificates: chain.map((der) => ({ rawBytes: base64(der) })) },
    validFor,
  });
  const p256 = "PKIX_ECDSA_P256_SHA_256";
  const { rekorV1, rekorV2, ctLog } = parts.keys;
  const root = {
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [
      log(labNames.rekorV1, rekorV1, p256, logIdOf(rekorV1)),
      log(labNames.rekorV2, rekorV2, "PKIX_ED25519", rekorV2Signer(rekorV2, labNames.rekorV2).logId),
    ],
    certificateAuthorities: [authority(parts.fulcioName, labNames.fulcio, parts.fulcio)],
    ctlogs: [log(labNames.ctLog, ctLog, p256, logIdOf(ctLog))],
    timestampAuthorities: [authority(parts.tsaName, labNames.tsa, parts.tsa)],
  };
  return Buffer.from(`${JSON.stringify(root, undefined, 2)}\n`);
}
