import type { QuoteTrust } from "./contract.ts";
import { readCertificate } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { fault, faulty, judged, unlessFaulty } from "./fault.ts";
import type { Judged, TdxFault } from "./fault.ts";
import { isSignedBy, readOnce } from "./certificate-memory.ts";
import { decodeBase64 } from "../sigstore/base64.ts";
import { legible } from "../legible.ts";

/** Common names of Intel's certificates (Intel SGX PCK Certificate and CRL Profile Specification, section 1.3), compared whole. */
export const intelNames = {
  root: "Intel SGX Root CA",
  platformCa: "Intel SGX PCK Platform CA",
  processorCa: "Intel SGX PCK Processor CA",
  pck: "Intel SGX PCK Certificate",
  tcbSigning: "Intel SGX TCB Signing",
} as const;

/** Which names a chain has, the leaf first, the root last, and whether its leaf issues certificates or signs data. */
export interface ChainShape {
  readonly names: readonly [readonly string[], ...(readonly (readonly string[])[])];
  readonly leaf: "authority" | "signer";
}

export const chainShapes = {
  pck: {
    names: [[intelNames.pck], [intelNames.platformCa, intelNames.processorCa], [intelNames.root]],
    leaf: "signer",
  },
  pckCa: { names: [[intelNames.platformCa, intelNames.processorCa], [intelNames.root]], leaf: "authority" },
  tcbSigning: { names: [[intelNames.tcbSigning], [intelNames.root]], leaf: "signer" },
} as const satisfies Record<string, ChainShape>;

/** A chain that ends at the pinned root. Whether it is in its time, and not revoked, is asked apart. */
export interface CertificateChain {
  /** What it is about, for messages. */
  readonly subject: string;
  readonly leaf: Certificate;
  /** Who issued the leaf; the root itself in a chain of two. */
  readonly issuer: Certificate;
  readonly root: Certificate;
  /** All of them, the leaf first. */
  readonly certificates: readonly Certificate[];
}

/** Chains are three certificates of some 1,300 bytes. */
export const chainBytesMost = 32 * 1024;

const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\r\n]*)-----END CERTIFICATE-----/g;

/** DER of the certificates of a PEM text, at most `most`. Between them only white space; at the end, NULs as quotes have them. */
function readPem(pem: Uint8Array, subject: string, most: number): Judged<readonly Uint8Array[]> {
  const malformed = (found: string) =>
    faulty("CERTIFICATE_CHAIN_FORM", subject, "PEM certificates, nothing else", found);
  if (pem.length > chainBytesMost) return malformed(`${pem.length} bytes`);
  const ends = pem.findLastIndex((byte) => byte !== 0) + 1;
  const text = Buffer.from(pem.buffer, pem.byteOffset, ends).toString("latin1");
  const found: Uint8Array[] = [];
  let end = 0;
  for (const match of text.matchAll(block)) {
    if (text.slice(end, match.index).trim() !== "") return malformed("other text between certificates");
    end = match.index + match[0].length;
    const der = decodeBase64((match[1] ?? "").replace(/[\r\n]/g, ""));
    if (der === undefined) return malformed(`certificate ${found.length + 1} is not base64`);
    found.push(der);
  }
  if (text.slice(end).trim() !== "") return malformed("other text after the certificates");
  if (found.length !== most)
    return faulty("CERTIFICATE_CHAIN_LENGTH", subject, `${most} certificates, the root last`, `${found.length}`);
  return judged(found);
}

/**
 * Reads a chain and proves that it ends at the pinned root: names, issuers, signatures, authority flags and path lengths. The
 * root is who has the pinned key, whatever else calls itself so. All faults are named.
 */
export function readChain(
  pem: Uint8Array,
  shape: ChainShape,
  subject: string,
  trust: QuoteTrust,
): Judged<CertificateChain> {
  const ders = readPem(pem, subject, shape.names.length);
  if (!ders.ok) return ders;
  const certificates: Certificate[] = [];
  const faults: TdxFault[] = [];
  for (const [index, der] of ders.value.entries()) {
    const where = `${subject}, certificate ${index + 1}`;
    const read = index === 0 ? readCertificate(der, where) : readOnce(der, where, readCertificate);
    if (read.ok) certificates.push(read.value);
    else faults.push(...read.faults);
  }
  const [leaf, ...authorities] = certificates;
  const [root] = certificates.slice(-1);
  const [first, ...more] = faults;
  if (first !== undefined) return { ok: false, faults: [first, ...more] };
  if (leaf === undefined || root === undefined)
    return faulty("CERTIFICATE_CHAIN_LENGTH", subject, "certificates", "none");
  faults.push(...chainFaults(certificates, shape, subject, trust));
  return unlessFaulty(faults, () => ({ subject, leaf, issuer: authorities[0] ?? root, root, certificates }));
}

function chainFaults(
  certificates: readonly Certificate[],
  shape: ChainShape,
  subject: string,
  trust: QuoteTrust,
): TdxFault[] {
  const faults: TdxFault[] = [];
  const last = certificates.length - 1;
  for (const [index, certificate] of certificates.entries()) {
    const where = `${subject}, certificate ${index + 1} (${legible(certificate.commonName)})`;
    const names = shape.names[index] ?? [];
    const issuer = certificates[Math.min(index + 1, last)] ?? certificate;
    if (index === last && !Buffer.from(certificate.spki).equals(trust.rootSpki))
      faults.push(fault("CERTIFICATE_ROOT", where, "the pinned root's key", "another key"));
    if (!names.includes(certificate.commonName))
      faults.push(fault("CERTIFICATE_NAME", where, names.join(" or "), legible(certificate.commonName)));
    if (!Buffer.from(certificate.issuer).equals(issuer.subject))
      faults.push(
        fault("CERTIFICATE_ISSUER", where, `issued by ${legible(issuer.commonName)}`, "another issuer's name"),
      );
    else if (!isSignedBy(certificate, issuer))
      faults.push(
        fault("CERTIFICATE_SIGNATURE", where, `signed by ${legible(issuer.commonName)}`, "another signature"),
      );
    const usage = usageFault(certificate, index, shape);
    if (usage !== undefined) faults.push(fault("CERTIFICATE_USAGE", where, usage[0], usage[1]));
  }
  return faults;
}

/** Authorities sign certificates and lists; the certificates of a platform and of who signs collateral, nothing but data. */
function usageFault(
  { authority, mayDigitallySign, maySignCertificates, maySignLists }: Certificate,
  index: number,
  { leaf }: ChainShape,
): readonly [expected: string, found: string] | undefined {
  if (index === 0 && leaf === "signer") {
    if (authority !== undefined || maySignCertificates) return ["no authority", "an authority"];
    return mayDigitallySign ? undefined : ["key usage for signatures", "another key usage"];
  }
  if (authority === undefined) return ["an authority", "none"];
  if (!maySignCertificates || !maySignLists) return ["key usage for certificates and lists", "another key usage"];
  const below = leaf === "signer" ? index - 1 : index;
  return authority.pathLength < below ? [`room for ${below} authorities below`, `${authority.pathLength}`] : undefined;
}

/** Faults of a chain that holds, at one time. Both ends of a validity belong to it (RFC 5280, section 4.1.2.5). */
export function chainTimeFaults({ certificates, subject }: CertificateChain, at: Date): TdxFault[] {
  return certificates.flatMap(({ notBefore, notAfter, commonName }, index) => {
    if (at >= notBefore && at <= notAfter) return [];
    const where = `${subject}, certificate ${index + 1} (${legible(commonName)})`;
    return windowFaults(notBefore, notAfter, at, where, {
      early: "CERTIFICATE_NOT_YET",
      late: "CERTIFICATE_EXPIRED",
    });
  });
}

/** Whether a time lies in a window, its ends included; an invalid time lies in none. */
export function windowFaults(
  start: Date,
  end: Date,
  at: Date,
  subject: string,
  codes: { readonly early: TdxFault["code"]; readonly late: TdxFault["code"] },
): TdxFault[] {
  const found = (): string => (Number.isNaN(at.getTime()) ? "a time that is none" : at.toISOString());
  if (!(at >= start)) return [fault(codes.early, subject, `not before ${start.toISOString()}`, found())];
  if (!(at <= end)) return [fault(codes.late, subject, `not after ${end.toISOString()}`, found())];
  return [];
}
