import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { extensions, issueCertificate, toPem } from "../sigstore/certificates.ts";
import type { Extension, Issuer } from "../sigstore/certificates.ts";
import { sequence, taggedPrimitive } from "../sigstore/der.ts";

/**
 * Keys and certificates of the lab's key broker, all PEM: what the component KeyBroker is given as a stack's secrets. Every
 * certificate carries the lab's organization.
 */
export interface KbsAuthority {
  readonly adminKey: string;
  readonly tokenKey: string;
  /** The signer's certificate, then the root. */
  readonly tokenChain: string;
  readonly tokenRoot: string;
  readonly tlsKey: string;
  readonly tlsCertificate: string;
  readonly tlsAuthority: string;
}

const year = 365 * 24 * 3600 * 1000;

/** The name under which the stack `local` knows its key broker. */
export const labKbsHost = "kbs.neko-lab.test";

/** New ones, good for a year from an hour before `now`. */
export function makeKbsAuthority(now: Date): KbsAuthority {
  const notBefore = new Date(now.getTime() - 3600 * 1000);
  const window = { notBefore, notAfter: new Date(notBefore.getTime() + year) };
  const tokenRoot = makeIssuer("Key broker attestation results");
  const tlsRoot = makeIssuer("Key broker TLS");
  const root = (issuer: Issuer): string => {
    const own = { issuer, subject: issuer.name, publicKey: issuer.publicKey, extensions: extensions.authority(0) };
    return toPem(issueCertificate({ ...own, ...window }));
  };
  const leaf = (issuer: Issuer, commonName: string, publicKey: KeyObject, more: readonly Extension[] = []): string => {
    const all = [extensions.digitalSignature, ...more];
    return toPem(issueCertificate({ issuer, subject: { commonName }, publicKey, extensions: all, ...window }));
  };
  const tokenPair = makePair();
  const tlsPair = makePair();
  const tokenRootPem = root(tokenRoot);
  return {
    adminKey: pemOf(generateKeyPairSync("ed25519").privateKey),
    tokenKey: pemOf(tokenPair.privateKey),
    tokenChain: `${leaf(tokenRoot, "Key broker attestation service", tokenPair.publicKey)}${tokenRootPem}`,
    tokenRoot: tokenRootPem,
    tlsKey: pemOf(tlsPair.privateKey),
    tlsCertificate: leaf(tlsRoot, labKbsHost, tlsPair.publicKey, [serverNames]),
    tlsAuthority: root(tlsRoot),
  };
}

/** subjectAltName (RFC 5280, section 4.2.1.6): dNSName is [2], iPAddress is [7]. */
const serverNames: Extension = {
  id: "2.5.29.17",
  value: sequence(
    taggedPrimitive(2, Buffer.from("localhost", "ascii")),
    taggedPrimitive(2, Buffer.from(labKbsHost, "ascii")),
    taggedPrimitive(7, Buffer.of(127, 0, 0, 1)),
  ),
};

const makePair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

function makeIssuer(commonName: string): Issuer {
  return { name: { commonName }, ...makePair() };
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
