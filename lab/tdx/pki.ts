import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { intelNames } from "../../src/core/tdx/certificate-chain.ts";
import type { QuoteTrust } from "../../src/core/tdx/contract.ts";
import type { PlatformData } from "../../src/core/tdx/pck-certificate.ts";
import { extensions, issueCertificate, newSerial, spkiOf, toPem } from "../sigstore/certificates.ts";
import type { CertificateRequest, Issuer } from "../sigstore/certificates.ts";
import { wholeSecond } from "../sigstore/der.ts";
import { labPlatform, sgxExtensionOf } from "./sgx-extension.ts";

/**
 * The lab's stand-in for Intel: a root, the authority of platforms, who signs collateral, one platform's certified key, and the key
 * that its quoting enclave signs quotes with. Names as Intel's, under the lab's organization.
 */

const certified = ["root", "platformCa", "tcbSigning", "pck"] as const;
export type CertifiedName = (typeof certified)[number];
const keyNames = [...certified, "attestation"] as const;
export type TdxKeyName = (typeof keyNames)[number];
type KeyPair = Pick<Issuer, "privateKey" | "publicKey">;
export type TdxKeys = Readonly<Record<TdxKeyName, KeyPair>>;

export interface CertifiedKey extends Issuer {
  /** DER, and the serial number in it. */
  readonly certificate: Uint8Array;
  readonly serial: Uint8Array;
}

export interface TdxPki extends Readonly<Record<CertifiedName, CertifiedKey>> {
  readonly attestation: KeyPair;
  readonly platform: PlatformData;
  readonly trust: QuoteTrust;
}

export interface PkiOptions {
  /** Start of validity of all certificates, which live ten years. */
  readonly now: Date;
  readonly keys?: TdxKeys;
  readonly platform?: PlatformData;
  /** Changes a certificate before it is signed: for tests of what must be refused. */
  readonly change?: Partial<Readonly<Record<CertifiedName, (request: CertificateRequest) => CertificateRequest>>>;
}

const tenYears = 10 * 365 * 24 * 3600 * 1000;

const commonNames: Readonly<Record<CertifiedName, string>> = {
  root: intelNames.root,
  platformCa: intelNames.platformCa,
  tcbSigning: intelNames.tcbSigning,
  pck: intelNames.pck,
};
const issuers: Readonly<Record<CertifiedName, CertifiedName>> = {
  root: "root",
  platformCa: "root",
  tcbSigning: "root",
  pck: "platformCa",
};

export function newTdxKeys(): TdxKeys {
  const pair = (): KeyPair => generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { root: pair(), platformCa: pair(), tcbSigning: pair(), pck: pair(), attestation: pair() };
}

/** Issues the certificates, in memory. */
export function createTdxPki({ now, keys = newTdxKeys(), platform = labPlatform, change = {} }: PkiOptions): TdxPki {
  const notBefore = wholeSecond(now);
  const notAfter = new Date(notBefore.getTime() + tenYears);
  const authority = (pathLength: number) => extensions.authority(pathLength);
  const signer = [extensions.digitalSignature];
  const wanted = {
    root: authority(1),
    platformCa: authority(0),
    tcbSigning: signer,
    pck: [...signer, sgxExtensionOf(platform)],
  };
  const issue = (name: CertifiedName): CertifiedKey => {
    const issuer = issuers[name];
    const request: CertificateRequest = {
      issuer: { name: { commonName: commonNames[issuer] }, ...keys[issuer] },
      subject: { commonName: commonNames[name] },
      publicKey: keys[name].publicKey,
      notBefore,
      notAfter,
      extensions: wanted[name],
    };
    const serial = newSerial();
    const certificate = issueCertificate(change[name]?.(request) ?? request, serial);
    return { name: { commonName: commonNames[name] }, ...keys[name], certificate, serial };
  };
  return {
    root: issue("root"),
    platformCa: issue("platformCa"),
    tcbSigning: issue("tcbSigning"),
    pck: issue("pck"),
    attestation: keys.attestation,
    platform,
    trust: { rootSpki: spkiOf(keys.root.publicKey) },
  };
}

/** PEM of certificates, in the order that is given. */
export function pemChain(...keys: readonly Pick<CertifiedKey, "certificate">[]): string {
  return keys.map(({ certificate }) => toPem(certificate)).join("");
}

/** Reads the lab's PKI of a state folder, or makes it there, so that quotes of an earlier start still verify. */
export function loadOrCreateTdxPki(stateDirectory: string, options: { readonly now: Date }): TdxPki {
  const directory = join(stateDirectory, "tdx");
  if (!existsSync(directory)) {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    for (const left of readdirSync(stateDirectory).filter((name) => name.startsWith("tdx.new.")))
      rmSync(join(stateDirectory, left), { recursive: true });
    const fresh = join(stateDirectory, `tdx.new.${process.pid}`);
    write(fresh, createTdxPki(options));
    renameSync(fresh, directory);
  }
  return read(directory);
}

function write(directory: string, pki: TdxPki): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const name of keyNames)
    writeFileSync(join(directory, `${name}.pem`), pki[name].privateKey.export({ format: "pem", type: "pkcs8" }), {
      mode: 0o600,
    });
  for (const name of certified) {
    writeFileSync(join(directory, `${name}.der`), pki[name].certificate);
    writeFileSync(join(directory, `${name}.serial`), pki[name].serial);
  }
}

function read(directory: string): TdxPki {
  const keyOf = (name: TdxKeyName): KeyPair => {
    const privateKey = createPrivateKey(readFileSync(join(directory, `${name}.pem`)));
    return { privateKey, publicKey: createPublicKey(privateKey) };
  };
  const certifiedKey = (name: CertifiedName): CertifiedKey => ({
    name: { commonName: commonNames[name] },
    ...keyOf(name),
    certificate: readFileSync(join(directory, `${name}.der`)),
    serial: readFileSync(join(directory, `${name}.serial`)),
  });
  const root = certifiedKey("root");
  return {
    root,
    platformCa: certifiedKey("platformCa"),
    tcbSigning: certifiedKey("tcbSigning"),
    pck: certifiedKey("pck"),
    attestation: keyOf("attestation"),
    platform: labPlatform,
    trust: { rootSpki: spkiOf(root.publicKey) },
  };
}
