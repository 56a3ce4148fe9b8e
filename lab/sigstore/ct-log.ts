import { createHash, sign } from "node:crypto";
import type { KeyPair } from "./authority-material.ts";
import type { AppendOnlyLog } from "./append-only-log.ts";
import { spkiOf } from "./certificates.ts";
import { octetString } from "./der.ts";

/** Log id of a CT log and of Rekor v1: SHA-256 of the public key (RFC 6962, section 3.2). */
export function logIdOf(key: KeyPair): Buffer {
  return createHash("sha256").update(spkiOf(key.publicKey)).digest();
}

function bigEndian(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer.subarray(8 - bytes);
}

/**
 * Logs a precertificate and returns the value of the certificate's SCT list extension (RFC 6962, sections 3.2 to 3.4).
 * `issuerKey` is the SPKI of what will sign the certificate, `toBeSigned` the certificate without the list.
 */
export function promiseCertificate(
  log: AppendOnlyLog,
  key: KeyPair,
  issuerKey: Uint8Array,
  toBeSigned: Uint8Array,
  now: Date,
): Buffer {
  const version = Buffer.of(0);
  const time = bigEndian(now.getTime(), 8);
  const preCertificate = Buffer.concat([
    bigEndian(1, 2), // precert_entry
    createHash("sha256").update(issuerKey).digest(),
    bigEndian(toBeSigned.length, 3),
    toBeSigned,
  ]);
  const noExtensions = bigEndian(0, 2);
  const timestampedEntry = [time, preCertificate, noExtensions];
  const timestampSignature = Buffer.of(0); // certificate_timestamp; a leaf's type (timestamped_entry) is 0 too
  const signature = sign("sha256", Buffer.concat([version, timestampSignature, ...timestampedEntry]), key.privateKey);
  log.append({
    body: Buffer.concat([version, Buffer.of(0), ...timestampedEntry]),
    time: Math.floor(now.getTime() / 1000),
  });

  const ecdsaSha256 = Buffer.of(4, 3);
  const promise = Buffer.concat([
    version,
    logIdOf(key),
    time,
    noExtensions,
    ecdsaSha256,
    bigEndian(signature.length, 2),
    signature,
  ]);
  const entry = Buffer.concat([bigEndian(promise.length, 2), promise]);
  return octetString(Buffer.concat([bigEndian(entry.length, 2), entry]));
}
