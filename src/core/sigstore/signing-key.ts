import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { Failure } from "../failure.ts";
import { cosignKeyLabels, decryptCosignKey } from "./cosign-key-file.ts";

/** A private key of one's own, and how a bundle names it. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  /** SPKI PEM: what `cosign verify --key` takes. */
  readonly publicKey: string;
  /** base64 of the SHA-256 of the SPKI DER, which cosign writes as the bundle's hint. */
  readonly hint: string;
  /** `sha256:<hex>` of the same bytes, for people. */
  readonly fingerprint: string;
}

function keyFailure(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

/**
 * Reads a private key: PKCS#8 in PEM, plain or encrypted, or a key file of cosign. ECDSA P-256 alone, which is what cosign
 * makes and every Rekor takes. `name` stands for the file in messages. Throws SIGNING_KEY_INVALID, SIGNING_KEY_UNSUPPORTED,
 * SIGNING_KEY_PASSPHRASE_MISSING or SIGNING_KEY_PASSPHRASE_WRONG (usage); no message holds key or passphrase.
 */
export function readSigningKey(pem: string, passphrase: string | undefined, name: string): SigningKey {
  const block = /^-----BEGIN ([A-Z ]+)-----\r?\n([\s\S]+?)\r?\n-----END \1-----\s*$/.exec(pem.trimStart());
  const [, label, body = ""] = block ?? [];
  if (label === undefined || pem.length > 256 * 1024) {
    const remedy = "Give a PKCS#8 key in PEM, or a key file of `cosign generate-key-pair`.";
    throw keyFailure("SIGNING_KEY_INVALID", `${name} holds no private key in PEM.`, remedy);
  }
  const privateKey = readBlock(label, body, { pem, passphrase, name });
  if (privateKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    const found = privateKey.asymmetricKeyDetails?.namedCurve ?? privateKey.asymmetricKeyType ?? "unknown";
    throw keyFailure(
      "SIGNING_KEY_UNSUPPORTED",
      `The key in ${name} is of the kind ${found}; ECDSA P-256 (prime256v1) is needed.`,
      "Make one with `cosign generate-key-pair`, or: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    );
  }
  const publicKey = createPublicKey(privateKey);
  const digest = createHash("sha256")
    .update(publicKey.export({ format: "der", type: "spki" }))
    .digest();
  return {
    privateKey,
    publicKey: publicKey.export({ format: "pem", type: "spki" }).toString(),
    hint: digest.toString("base64"),
    fingerprint: `sha256:${digest.toString("hex")}`,
  };
}

interface KeyFile {
  readonly pem: string;
  readonly passphrase: string | undefined;
  readonly name: string;
}

function readBlock(label: string, body: string, file: KeyFile): KeyObject {
  const { pem, passphrase, name } = file;
  const malformed = (): Failure =>
    keyFailure(
      "SIGNING_KEY_INVALID",
      `The private key in ${name} can't be read.`,
      "Give the file as openssl or cosign wrote it.",
    );
  if (label === "PRIVATE KEY") return parsed({ key: pem, format: "pem" }) ?? throwing(malformed());
  const isCosigns = cosignKeyLabels.some((known) => known === label);
  if (!isCosigns && label !== "ENCRYPTED PRIVATE KEY") {
    throw keyFailure(
      "SIGNING_KEY_UNSUPPORTED",
      `${name} holds "${label}", which is not a private key in PKCS#8 or of cosign.`,
      "Convert a private key with: openssl pkcs8 -topk8 -in <file>",
    );
  }
  if (passphrase === undefined) {
    throw keyFailure(
      "SIGNING_KEY_PASSPHRASE_MISSING",
      `The key in ${name} is encrypted, and COSIGN_PASSWORD is not set.`,
      "Set COSIGN_PASSWORD in the environment (empty when the key was made with an empty passphrase).",
    );
  }
  const wrong = (): Failure =>
    keyFailure(
      "SIGNING_KEY_PASSPHRASE_WRONG",
      `The passphrase in COSIGN_PASSWORD does not open the key in ${name}.`,
      "Set COSIGN_PASSWORD to the passphrase that this key was made with.",
    );
  if (!isCosigns) return parsed({ key: pem, format: "pem", passphrase }) ?? throwing(wrong());
  const der = decryptCosignKey(Buffer.from(body, "base64"), passphrase);
  if (der === "wrong") throw wrong();
  if (der === "malformed") throw malformed();
  return parsed({ key: Buffer.from(der), format: "der", type: "pkcs8" }) ?? throwing(malformed());
}

/** The key, or undefined: what OpenSSL throws is dropped, as nobody knows what it quotes. */
function parsed(input: Parameters<typeof createPrivateKey>[0]): KeyObject | undefined {
  try {
    return createPrivateKey(input);
  } catch {
    return undefined;
  }
}

function throwing(failure: Failure): never {
  throw failure;
}
