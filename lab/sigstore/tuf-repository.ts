import { sign } from "node:crypto";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import type { KeyPair } from "./authority-material.ts";

export interface TufRepositoryParts {
  readonly rootKey: KeyPair;
  /** Signs targets, snapshot and timestamp: all in one, as nothing of it ever changes. */
  readonly onlineKey: KeyPair;
  readonly expires: Date;
  readonly targets: Readonly<Record<string, Uint8Array>>;
  /** Of targets, snapshot and timestamp; 1 unless given. The root's stays 1. */
  readonly version?: number;
}

interface TufKey {
  readonly id: string;
  readonly pair: KeyPair;
  readonly document: {
    readonly keytype: "ed25519";
    readonly scheme: "ed25519";
    readonly keyval: { readonly public: string };
  };
}

function tufKey(pair: KeyPair): TufKey {
  const raw = Buffer.from(pair.publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const document = { keytype: "ed25519", scheme: "ed25519", keyval: { public: raw.toString("hex") } } as const;
  return { id: sha256Hex(canonicalBytes(document)), pair, document };
}

/**
 * A TUF repository (specification 1.0, without consistent snapshots) of a few fixed targets: files by path. Its
 * canonical JSON and RFC 8785's are the same here, as every string is plain ASCII and every number whole.
 */
export function writeTufRepository(parts: TufRepositoryParts): ReadonlyMap<string, Uint8Array> {
  const root = tufKey(parts.rootKey);
  const online = tufKey(parts.onlineKey);
  const expires = parts.expires.toISOString().replace(".000Z", "Z");
  const { version = 1 } = parts;
  const file = (key: TufKey, type: string, content: Record<string, unknown>): Buffer => {
    const signed = { _type: type, spec_version: "1.0.31", version: type === "root" ? 1 : version, expires, ...content };
    const signature = sign(null, canonicalBytes(signed), key.pair.privateKey).toString("hex");
    return Buffer.from(JSON.stringify({ signed, signatures: [{ keyid: key.id, sig: signature }] }));
  };
  const described = (bytes: Uint8Array) => ({ length: bytes.length, hashes: { sha256: sha256Hex(bytes) } });
  const role = (key: TufKey) => ({ keyids: [key.id], threshold: 1 });

  const targets = file(online, "targets", {
    targets: Object.fromEntries(Object.entries(parts.targets).map(([name, bytes]) => [name, described(bytes)])),
  });
  const snapshot = file(online, "snapshot", { meta: { "targets.json": { version, ...described(targets) } } });
  const timestamp = file(online, "timestamp", { meta: { "snapshot.json": { version, ...described(snapshot) } } });
  const rootFile = file(root, "root", {
    consistent_snapshot: false,
    keys: { [root.id]: root.document, [online.id]: online.document },
    roles: { root: role(root), targets: role(online), snapshot: role(online), timestamp: role(online) },
  });
  return new Map<string, Uint8Array>([
    ["1.root.json", rootFile],
    ["targets.json", targets],
    ["snapshot.json", snapshot],
    ["timestamp.json", timestamp],
    ...Object.entries(parts.targets).map(([name, bytes]): [string, Uint8Array] => [`targets/${name}`, bytes]),
  ]);
}
