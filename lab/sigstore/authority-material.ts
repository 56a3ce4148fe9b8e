import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extensions, issueCertificate, newSerial } from "./certificates.ts";
import type { Issuer, Name } from "./certificates.ts";
import { wholeSecond } from "./der.ts";
import { writeTrustedRoot } from "./trusted-root-file.ts";
import { writeTufRepository } from "./tuf-repository.ts";

/**
 * The lab's keys, certificates, trusted root and TUF repository. Made once, kept in the state folder, so that what was
 * signed before a restart still verifies, and the trusted root's bytes (which a policy pins) stay the same.
 */

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface TimestampMaterial {
  readonly privateKey: KeyObject;
  /** DER of the stamping certificate, its serial number and who issued it. */
  readonly certificate: Uint8Array;
  readonly serial: Uint8Array;
  readonly issuerName: Name;
}

export interface AuthorityMaterial {
  readonly keys: Readonly<Record<KeyName, KeyPair>>;
  readonly fulcio: {
    readonly issuer: Issuer;
    /** DER, the issuing certificate first, the root last. */
    readonly chain: readonly Uint8Array[];
  };
  readonly tsa: TimestampMaterial;
  /** trusted_root.json, as it is on disk. */
  readonly trustedRoot: Uint8Array;
  /** TUF metadata and targets, by path below the mirror's URL. */
  readonly tuf: ReadonlyMap<string, Uint8Array>;
  /** Rekor v1's tree id, decimal. */
  readonly treeId: string;
}

const keyNames = [
  "issuer",
  "fulcioRoot",
  "fulcio",
  "ctLog",
  "rekorV1",
  "rekorV2",
  "tsaRoot",
  "tsa",
  "tufRoot",
  "tufOnline",
] as const;
export type KeyName = (typeof keyNames)[number];
/** Rekor v2 signs checkpoints with Ed25519, as the public log does; TUF's keys are Ed25519 too. */
const ed25519Keys: readonly KeyName[] = ["rekorV2", "tufRoot", "tufOnline"];

const names = {
  fulcioRoot: { commonName: "neko-lab-fulcio-root" },
  fulcio: { commonName: "neko-lab-fulcio" },
  tsaRoot: { commonName: "neko-lab-tsa-root" },
  tsa: { commonName: "neko-lab-tsa" },
} as const satisfies Record<string, Name>;

const treeId = "1193046471";
const year = 365 * 24 * 3600 * 1000;

export interface MaterialOptions {
  /** When the keys are made: the start of their validity. */
  readonly now: Date;
  /** How long the issuing certificate below Fulcio's root lives; ten years unless given. For tests. */
  readonly intermediateMilliseconds?: number;
}

/** Reads the material of a state folder, or makes it there; half-made material of a killed start is replaced. */
export function loadOrCreateMaterial(stateDirectory: string, options: MaterialOptions): AuthorityMaterial {
  const directory = join(stateDirectory, "material");
  if (!existsSync(directory)) {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    for (const left of readdirSync(stateDirectory).filter((name) => name.startsWith("material.new."))) {
      rmSync(join(stateDirectory, left), { recursive: true });
    }
    const fresh = join(stateDirectory, `material.new.${process.pid}`);
    create(fresh, options);
    renameSync(fresh, directory);
  }
  return load(directory);
}

function create(directory: string, options: MaterialOptions): void {
  mkdirSync(join(directory, "tuf", "targets"), { recursive: true, mode: 0o700 });
  const keys = Object.fromEntries(keyNames.map((name) => [name, newKey(name)])) as Record<KeyName, KeyPair>;
  for (const name of keyNames) {
    writeFileSync(join(directory, `${name}.pem`), keys[name].privateKey.export({ format: "pem", type: "pkcs8" }), {
      mode: 0o600,
    });
  }
  const notBefore = wholeSecond(options.now);
  const tenYears = new Date(notBefore.getTime() + 10 * year);
  const intermediateEnd = new Date(notBefore.getTime() + (options.intermediateMilliseconds ?? 10 * year));
  const root = (name: "fulcioRoot" | "tsaRoot"): Uint8Array =>
    issueCertificate({
      issuer: issuer(name, keys),
      subject: names[name],
      publicKey: keys[name].publicKey,
      notBefore,
      notAfter: tenYears,
      extensions: extensions.authority(),
    });
  const fulcio = issueCertificate({
    issuer: issuer("fulcioRoot", keys),
    subject: names.fulcio,
    publicKey: keys.fulcio.publicKey,
    notBefore,
    notAfter: intermediateEnd,
    extensions: [...extensions.authority(0), extensions.codeSigning],
  });
  const tsaSerial = newSerial();
  const tsa = issueCertificate(
    {
      issuer: issuer("tsaRoot", keys),
      subject: names.tsa,
      publicKey: keys.tsa.publicKey,
      notBefore,
      notAfter: tenYears,
      extensions: [extensions.digitalSignature, extensions.timeStamping],
    },
    tsaSerial,
  );
  const certificates = { fulcioRoot: root("fulcioRoot"), fulcio, tsaRoot: root("tsaRoot"), tsa };
  for (const [name, der] of Object.entries(certificates)) writeFileSync(join(directory, `${name}.der`), der);
  writeFileSync(join(directory, "tsa.serial"), tsaSerial);
  const trustedRoot = writeTrustedRoot({
    start: notBefore,
    fulcio: [fulcio, certificates.fulcioRoot],
    tsa: [tsa, certificates.tsaRoot],
    fulcioName: names.fulcioRoot.commonName,
    tsaName: names.tsaRoot.commonName,
    keys,
  });
  writeFileSync(join(directory, "trusted_root.json"), trustedRoot);
  const repository = writeTufRepository({
    rootKey: keys.tufRoot,
    onlineKey: keys.tufOnline,
    expires: tenYears,
    targets: { "trusted_root.json": trustedRoot },
  });
  for (const [path, bytes] of repository) writeFileSync(join(directory, "tuf", path), bytes);
}

function newKey(name: KeyName): KeyPair {
  return ed25519Keys.includes(name)
    ? generateKeyPairSync("ed25519")
    : generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function issuer(name: "fulcioRoot" | "fulcio" | "tsaRoot", keys: Record<KeyName, KeyPair>): Issuer {
  return { name: names[name], ...keys[name] };
}

function load(directory: string): AuthorityMaterial {
  const read = (name: string): Buffer => readFileSync(join(directory, name));
  const keys = Object.fromEntries(
    keyNames.map((name) => {
      const privateKey = createPrivateKey(read(`${name}.pem`));
      return [name, { privateKey, publicKey: createPublicKey(privateKey) }];
    }),
  ) as Record<KeyName, KeyPair>;
  const tufFiles = ["1.root.json", "timestamp.json", "snapshot.json", "targets.json", "targets/trusted_root.json"];
  return {
    keys,
    fulcio: { issuer: issuer("fulcio", keys), chain: [read("fulcio.der"), read("fulcioRoot.der")] },
    tsa: {
      privateKey: keys.tsa.privateKey,
      certificate: read("tsa.der"),
      serial: read("tsa.serial"),
      issuerName: names.tsaRoot,
    },
    trustedRoot: read("trusted_root.json"),
    tuf: new Map(tufFiles.map((path) => [`/${path}`, read(join("tuf", path))])),
    treeId,
  };
}
