import { createHash, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { preAuthenticationEncoding } from "../../src/core/intoto/pre-authentication-encoding.ts";
import { payloadType } from "../../src/core/intoto/statement.ts";
import { readPublicKey } from "../../src/core/sigstore/public-key.ts";
import type { TrustedKey } from "../../src/core/sigstore/public-key.ts";
import { stamp, writeJson } from "./sigstore-handmade.ts";
import type { LogEntryJson } from "./sigstore-handmade.ts";
import type { LabSigstore } from "./sigstore-lab.ts";

/** A key pair as its owner has it, and as a verifier reads it. */
export interface ManagedKey {
  readonly privateKey: KeyObject;
  readonly trusted: TrustedKey;
  readonly pem: string;
}

export type ManagedKeyKind = "P-256" | "P-384" | "P-521" | "Ed25519" | "RSA";

export function managedKey(kind: ManagedKeyKind = "P-256"): ManagedKey {
  const pair =
    kind === "Ed25519"
      ? generateKeyPairSync("ed25519")
      : kind === "RSA"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ec", { namedCurve: kind });
  const pem = pair.publicKey.export({ format: "pem", type: "spki" }).toString();
  return { privateKey: pair.privateKey, trusted: readPublicKey(Buffer.from(pem)), pem };
}

/** Rekor's entry types; v0.0.2 of dsse and hashedrekord are Rekor v2's. */
export const entryKinds = [
  "dsse 0.0.1",
  "intoto 0.0.2",
  "hashedrekord 0.0.1",
  "dsse 0.0.2",
  "hashedrekord 0.0.2",
] as const;
export type EntryKind = (typeof entryKinds)[number];

/** Whom an entry names: a PEM (v1) or one of two DER forms (v2). */
export interface NamedVerifier {
  readonly pem: string;
  readonly v2: Readonly<Record<string, unknown>>;
}

export function keyVerifier({ trusted, pem }: ManagedKey): NamedVerifier {
  return { pem, v2: { publicKey: { rawBytes: base64(trusted.spki) }, keyDetails: "PKIX_ECDSA_P256_SHA_256" } };
}

/** What was signed, with the signature, as every entry type needs it. */
export interface SignedBytes {
  /** The statement; left out for a message signature. */
  readonly payload?: Uint8Array;
  /** Digest of the signed bytes, and its algorithm. */
  readonly digest: Uint8Array;
  readonly algorithm: "sha256" | "sha384" | "sha512";
  readonly signature: Uint8Array;
}

function base64(bytes: Uint8Array | string): string {
  return Buffer.from(bytes).toString("base64");
}

function specOf(kind: EntryKind, signed: SignedBytes, verifier: NamedVerifier): unknown {
  const signature = base64(signed.signature);
  const payload = createHash("sha256").update(signed.payload ?? "");
  const hash = { algorithm: "sha256", value: "00".repeat(32) }; // of the envelope's text, which nobody can recompute
  const protobufNames = { sha256: "SHA2_256", sha384: "SHA2_384", sha512: "SHA2_512" } as const;
  switch (kind) {
    case "dsse 0.0.1": {
      const payloadHash = { algorithm: "sha256", value: payload.digest("hex") };
      return { envelopeHash: hash, payloadHash, signatures: [{ signature, verifier: base64(verifier.pem) }] };
    }
    case "intoto 0.0.2": {
      const signatures = [{ publicKey: base64(verifier.pem), sig: base64(signature) }];
      const payloadHash = { algorithm: "sha256", value: payload.digest("hex") };
      return { content: { envelope: { payloadType, signatures }, hash, payloadHash } };
    }
    case "hashedrekord 0.0.1": {
      const value = Buffer.from(signed.digest).toString("hex");
      const publicKey = { content: base64(verifier.pem) };
      return { data: { hash: { algorithm: signed.algorithm, value } }, signature: { content: signature, publicKey } };
    }
    case "dsse 0.0.2": {
      const payloadHash = { algorithm: "SHA2_256", digest: payload.digest("base64") };
      return { dsseV002: { payloadHash, signatures: [{ content: signature, verifier: verifier.v2 }] } };
    }
    case "hashedrekord 0.0.2": {
      const data = { algorithm: protobufNames[signed.algorithm], digest: base64(signed.digest) };
      return { hashedRekordV002: { data, signature: { content: signature, verifier: verifier.v2 } } };
    }
  }
}

/** Writes an entry straight into one of the lab's logs, whose services take fewer kinds than the public ones took. */
export function appendEntry(
  lab: LabSigstore,
  kind: EntryKind,
  signed: SignedBytes,
  verifier: NamedVerifier,
): LogEntryJson {
  const { logs, signers, material } = lab.server.instance;
  const [name = "", version = ""] = kind.split(" ");
  const isVersion2 = version === "0.0.2" && name !== "intoto";
  const [log, signer] = isVersion2 ? [logs.rekorV2, signers.rekorV2] : [logs.rekorV1, signers.rekorV1];
  const body = canonicalBytes({ apiVersion: version, kind: name, spec: specOf(kind, signed, verifier) });
  const time = Math.floor(Date.now() / 1000);
  const index = log.append({ body, time });
  const promised = { body: base64(body), integratedTime: time, logID: signer.logId.toString("hex"), logIndex: index };
  const promise = sign("sha256", canonicalBytes(promised), material.keys.rekorV1.privateKey);
  const root = log.tree.root();
  return {
    logIndex: String(index),
    logId: { keyId: signer.logId.toString("base64") },
    kindVersion: { kind: name, version },
    integratedTime: isVersion2 ? "0" : String(time),
    ...(isVersion2 ? {} : { inclusionPromise: { signedEntryTimestamp: base64(promise) } }),
    inclusionProof: {
      logIndex: String(index),
      rootHash: root.toString("base64"),
      treeSize: String(log.tree.size),
      hashes: log.tree.inclusionProof(index).map((hash) => hash.toString("base64")),
      checkpoint: { envelope: signer.checkpoint(log.tree.size, root) },
    },
    canonicalizedBody: base64(body),
  };
}

export interface KeyedOptions {
  /** `["dsse 0.0.1"]` unless given. */
  readonly entries?: readonly EntryKind[];
  /** Whom the entries name; the key unless given. */
  readonly verifier?: NamedVerifier;
  /** Whether there is a time stamp; false unless given. */
  readonly stamped?: boolean;
  readonly hash?: "sha256" | "sha384" | "sha512" | null;
}

/** A bundle with an envelope about a statement, signed with a managed key as cosign does, or by another hash. */
export function keyedBundle(
  lab: LabSigstore,
  key: ManagedKey,
  statement: Uint8Array,
  { entries = ["dsse 0.0.1"], verifier = keyVerifier(key), stamped = false, hash = "sha256" }: KeyedOptions = {},
): Uint8Array {
  const bytes = preAuthenticationEncoding(payloadType, statement);
  const signature = sign(key.privateKey.asymmetricKeyType === "ed25519" ? null : hash, bytes, key.privateKey);
  const digest = createHash("sha256").update(bytes).digest();
  const signed: SignedBytes = { payload: statement, digest, algorithm: "sha256", signature };
  return writeJson({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: {
      publicKey: { hint: base64(Buffer.from(key.trusted.sha256, "hex")) },
      tlogEntries: entries.map((kind) => appendEntry(lab, kind, signed, verifier)),
      ...(stamped
        ? { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: stamp(lab, signature, new Date()) }] } }
        : {}),
    },
    dsseEnvelope: {
      payload: base64(statement),
      payloadType,
      signatures: [{ sig: signature.toString("base64") }],
    },
  });
}

/** A bundle with a signature over an artifact's digest. */
export function keyedMessage(
  lab: LabSigstore,
  key: ManagedKey,
  { digest, algorithm, signature }: SignedBytes,
): Uint8Array {
  const names = { sha256: "SHA2_256", sha384: "SHA2_384", sha512: "SHA2_512" } as const;
  const entry = appendEntry(lab, "hashedrekord 0.0.1", { digest, algorithm, signature }, keyVerifier(key));
  return writeJson({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: "key" }, tlogEntries: [entry] },
    messageSignature: {
      messageDigest: { algorithm: names[algorithm], digest: base64(digest) },
      signature: base64(signature),
    },
  });
}
