import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { preAuthenticationEncoding } from "../../src/core/intoto/pre-authentication-encoding.ts";
import { payloadType as inTotoPayload } from "../../src/core/intoto/statement.ts";
import { writeStatement } from "../../src/core/intoto/write-statement.ts";
import {
  encodeToBeSigned,
  extensions,
  issueCertificate,
  newSerial,
  spkiOf,
  toPem,
} from "../../lab/sigstore/certificates.ts";
import type { CertificateRequest, Extension } from "../../lab/sigstore/certificates.ts";
import { promiseCertificate } from "../../lab/sigstore/ct-log.ts";
import { wholeSecond } from "../../lab/sigstore/der.ts";
import { fulcioExtensions } from "../../lab/sigstore/fulcio-extensions.ts";
import { identityOf } from "../../lab/sigstore/issue-token.ts";
import { timestampResponse } from "../../lab/sigstore/timestamp-authority.ts";
import { sampleClaims } from "./sigstore-lab.ts";
import type { LabSigstore } from "./sigstore-lab.ts";

/** A bundle's JSON, open for changes. */
export interface BundleJson {
  mediaType: string;
  verificationMaterial: {
    certificate?: { rawBytes: string };
    x509CertificateChain?: { certificates: { rawBytes: string }[] };
    publicKey?: { hint?: string; rawBytes?: string };
    tlogEntries: LogEntryJson[];
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  dsseEnvelope?: { payload: string; payloadType: string; signatures: { sig: string; keyid?: string }[] };
}

export interface LogEntryJson {
  logIndex: string;
  logId: { keyId: string };
  kindVersion: { kind: string; version: string };
  integratedTime: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof?: {
    logIndex: string;
    rootHash: string;
    treeSize: string;
    hashes: string[];
    checkpoint: { envelope: string };
  };
  canonicalizedBody: string;
}

export function readJson(bundle: Uint8Array): BundleJson {
  return JSON.parse(Buffer.from(bundle).toString("utf8")) as BundleJson;
}

export function writeJson(bundle: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(bundle));
}

/** A copy of the bundle with changes. */
export function changed(bundle: Uint8Array, change: (json: BundleJson) => void): Uint8Array {
  const json = readJson(bundle);
  change(json);
  return writeJson(json);
}

export const sampleHex = "ab".repeat(32);

/** A statement about `sampleHex`, unless told otherwise. */
export function sampleStatement(
  predicateType: string,
  digest: Readonly<Record<string, string>> = { sha256: sampleHex },
): Uint8Array {
  return writeStatement({ subject: [{ name: "sample", digest }], predicateType, predicate: {} });
}

/** Extensions of the lab's ordinary signing certificate. */
export function ordinaryExtensions(): Extension[] {
  return [
    extensions.digitalSignature,
    extensions.codeSigning,
    extensions.uri(identityOf(sampleClaims).subject),
    ...fulcioExtensions(sampleClaims),
  ];
}

export interface HandmadeOptions {
  readonly statement: Uint8Array;
  readonly extensions?: readonly Extension[];
  readonly payloadType?: string;
  /** Whether the certificate carries a promise of the CT log; true unless given. */
  readonly promised?: boolean;
  readonly now?: Date;
}

/** Signs without any client: what a faulty or hostile authority could hand out, entered into Rekor v1 and time-stamped. */
export async function handmadeBundle(lab: LabSigstore, options: HandmadeOptions): Promise<Uint8Array> {
  const { material, logs } = lab.server.instance;
  const now = options.now ?? new Date();
  const payloadType = options.payloadType ?? inTotoPayload;
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const notBefore = wholeSecond(now);
  const request: CertificateRequest = {
    issuer: material.fulcio.issuer,
    subject: undefined,
    publicKey: pair.publicKey,
    notBefore,
    notAfter: new Date(notBefore.getTime() + 600_000),
    extensions: options.extensions ?? ordinaryExtensions(),
  };
  const serial = newSerial();
  const promise = promiseCertificate(
    logs.ct,
    material.keys.ctLog,
    spkiOf(request.issuer.publicKey),
    encodeToBeSigned(request, serial),
    now,
  );
  const list: Extension[] = options.promised === false ? [] : [{ id: "1.3.6.1.4.1.11129.2.4.2", value: promise }];
  const leaf = issueCertificate({ ...request, extensions: [...request.extensions, ...list] }, serial);
  const signature = sign("sha256", preAuthenticationEncoding(payloadType, options.statement), pair.privateKey);
  const envelope = {
    payload: Buffer.from(options.statement).toString("base64"),
    payloadType,
    signatures: [{ sig: signature.toString("base64") }],
  };
  return writeJson({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: {
      certificate: { rawBytes: leaf.toString("base64") },
      tlogEntries: [await enterDsse(lab, envelope, leaf)],
      timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: stamp(lab, signature, now) }] },
    },
    dsseEnvelope: envelope,
  });
}

/** A time-stamp token over a signature, base64. */
export function stamp(lab: LabSigstore, signature: Uint8Array, now: Date): string {
  const digest = createHash("sha256").update(signature).digest();
  return timestampResponse({ digest, withCertificate: false }, lab.server.instance.material.tsa, now).toString(
    "base64",
  );
}

async function enterDsse(lab: LabSigstore, envelope: unknown, leaf: Uint8Array): Promise<LogEntryJson> {
  const verifier = Buffer.from(toPem(leaf)).toString("base64");
  return enter(lab, {
    apiVersion: "0.0.1",
    kind: "dsse",
    spec: { proposedContent: { envelope: JSON.stringify(envelope), verifiers: [verifier] } },
  });
}

/** Proposes an entry to the lab's Rekor v1, and returns it as a bundle holds it. */
export async function enter(lab: LabSigstore, proposal: unknown): Promise<LogEntryJson> {
  const response = await fetch(`${lab.server.urls.rekorV1}/api/v1/log/entries`, {
    method: "POST",
    body: JSON.stringify(proposal),
  });
  if (response.status !== 201) throw new Error(`Rekor answered ${response.status}: ${await response.text()}`);
  const [entry] = Object.values((await response.json()) as Record<string, RekorEntry>);
  if (entry === undefined) throw new Error("Rekor answered without an entry");
  const body = JSON.parse(Buffer.from(entry.body, "base64").toString()) as { kind: string; apiVersion: string };
  const hexToBase64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");
  const proof = entry.verification.inclusionProof;
  return {
    logIndex: String(entry.logIndex),
    logId: { keyId: hexToBase64(entry.logID) },
    kindVersion: { kind: body.kind, version: body.apiVersion },
    integratedTime: String(entry.integratedTime),
    inclusionPromise: { signedEntryTimestamp: entry.verification.signedEntryTimestamp },
    inclusionProof: {
      logIndex: String(proof.logIndex),
      rootHash: hexToBase64(proof.rootHash),
      treeSize: String(proof.treeSize),
      hashes: proof.hashes.map(hexToBase64),
      checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: entry.body,
  };
}

interface RekorEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly inclusionProof: {
      checkpoint: string;
      hashes: string[];
      logIndex: number;
      rootHash: string;
      treeSize: number;
    };
    readonly signedEntryTimestamp: string;
  };
}
