import { createHash, sign } from "node:crypto";
import type { KeyPair } from "./authority-material.ts";
import { logIdOf } from "./ct-log.ts";
import { originOf } from "./names.ts";

/**
 * A signed checkpoint (C2SP tlog-checkpoint and signed-note). `origin` is the first line; the signature is by `name`.
 */
export function signCheckpoint(
  origin: string,
  name: string,
  size: number,
  root: Uint8Array,
  keyId: Uint8Array,
  signNote: (note: Buffer) => Buffer,
): string {
  const note = `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
  const signature = Buffer.concat([keyId.subarray(0, 4), signNote(Buffer.from(note))]);
  return `${note}\n\u2014 ${name} ${signature.toString("base64")}\n`;
}

/** A Rekor log as a signer of checkpoints. */
export interface CheckpointSigner {
  /** Log id, 32 bytes. */
  readonly logId: Buffer;
  checkpoint(size: number, root: Uint8Array): string;
}

/** Rekor v1: ECDSA, log id = SHA-256 of the key, the origin carries the tree's id. */
export function rekorV1Signer(key: KeyPair, name: string, treeId: string): CheckpointSigner {
  const logId = logIdOf(key);
  const host = originOf(name);
  return {
    logId,
    checkpoint: (size, root) =>
      signCheckpoint(`${host} - ${treeId}`, host, size, root, logId, (note) => sign("sha256", note, key.privateKey)),
  };
}

/** Rekor v2: Ed25519, log id = SHA-256(origin LF 0x01 key), of which the note's key id is the start (C2SP signed-note). */
export function rekorV2Signer(key: KeyPair, name: string): CheckpointSigner {
  const host = originOf(name);
  const raw = Buffer.from(key.publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const logId = createHash("sha256").update(`${host}\n`).update(Buffer.of(1)).update(raw).digest();
  return {
    logId,
    checkpoint: (size, root) =>
      signCheckpoint(host, host, size, root, logId, (note) => sign(null, note, key.privateKey)),
  };
}
