import { reasonOf } from "../failure.ts";
import { legible } from "../legible.ts";
import { assertAlgorithm, readExtensions, readSerial, readSigned } from "./certificate.ts";
import type { Certificate } from "./certificate.ts";
import { windowFaults } from "./certificate-chain.ts";
import { derNumber, derParts, derTags, derTime, readDer, tagged } from "./der.ts";
import type { DerElement } from "./der.ts";
import { fault, faulty, judged } from "./fault.ts";
import type { Judged, TdxFault } from "./fault.ts";
import { verifiesP256 } from "./p256.ts";

/** A certificate revocation list whose issuer signed it (RFC 5280, section 5). Whether it is in its time is asked apart. */
export interface RevocationList {
  readonly subject: string;
  /** DER of the issuer's name and key: a list speaks only of certificates by that issuer. */
  readonly issuer: Uint8Array;
  readonly issuerSpki: Uint8Array;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Serial numbers in hex, as certificates have them here. */
  readonly revoked: ReadonlySet<string>;
}

/** Intel's lists have some 3,000 bytes; a wave of revocations must still fit. */
export const crlBytesMost = 1024 * 1024;

/** No extension that narrows a list (delta, issuing distribution point, other issuers) is understood: those are critical. */
const understood = new Set<string>();

interface ReadList extends Omit<RevocationList, "subject" | "issuerSpki"> {
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads a list from DER, and proves that this issuer signed it. */
export function readRevocationList(der: Uint8Array, issuer: Certificate, subject: string): Judged<RevocationList> {
  if (der.length > crlBytesMost)
    return faulty("COLLATERAL_TOO_LARGE", subject, `at most ${crlBytesMost} bytes`, `${der.length}`);
  let list: ReadList;
  try {
    list = decode(der);
  } catch (error) {
    return faulty("COLLATERAL_CRL_INVALID", subject, "a revocation list (X.509 v2, DER)", reasonOf(error));
  }
  const name = legible(issuer.commonName);
  if (!Buffer.from(list.issuer).equals(issuer.subject))
    return faulty("COLLATERAL_CRL_ISSUER", subject, `a list by ${name}`, "another issuer's list");
  if (!verifiesP256(issuer.key, list.signed, list.signature, "der"))
    return faulty("COLLATERAL_CRL_SIGNATURE", subject, `signed by ${name}`, "another signature");
  const { thisUpdate, nextUpdate, revoked } = list;
  return judged({ subject, issuer: issuer.subject, issuerSpki: issuer.spki, thisUpdate, nextUpdate, revoked });
}

function decode(der: Uint8Array): ReadList {
  const { parts, signed, signature } = readSigned(der);
  const [version, algorithm, issuer, thisUpdate, nextUpdate, ...rest] = parts;
  if (derNumber(version, 1) !== 1) throw new Error("it is not of version 2");
  assertAlgorithm(algorithm);
  const entries = rest[0]?.tag === derTags.sequence ? derParts(rest[0]) : [];
  const [extensions, ...more] = rest[0]?.tag === derTags.sequence ? rest.slice(1) : rest;
  if (more.length > 0) throw new Error("it has parts after its extensions");
  if (extensions !== undefined) readExtensions(readDer(tagged(extensions, 0xa0).content, derTags.sequence), understood);
  return {
    issuer: tagged(issuer, derTags.sequence).whole,
    thisUpdate: derTime(thisUpdate),
    nextUpdate: derTime(nextUpdate),
    // Whatever the reason and time say: what Intel lists is refused.
    revoked: new Set(entries.map(readEntry)),
    signed,
    signature,
  };
}

function readEntry(entry: DerElement): string {
  const [serial, time, extensions, ...more] = derParts(tagged(entry, derTags.sequence));
  derTime(time);
  if (more.length > 0) throw new Error("an entry has parts after its extensions");
  if (extensions !== undefined) readExtensions(tagged(extensions, derTags.sequence), understood);
  return readSerial(serial);
}

export function listTimeFaults({ thisUpdate, nextUpdate, subject }: RevocationList, at: Date): TdxFault[] {
  return windowFaults(thisUpdate, nextUpdate, at, subject, {
    early: "COLLATERAL_CRL_NOT_YET",
    late: "COLLATERAL_CRL_EXPIRED",
  });
}

/** Whether a certificate by the list's issuer is on the list; a list by another issuer says nothing, which is a fault too. */
export function revocationFaults(certificate: Certificate, list: RevocationList, subject: string): TdxFault[] {
  if (!Buffer.from(certificate.issuer).equals(list.issuer))
    return [
      fault("COLLATERAL_CRL_ISSUER", list.subject, `a list by the issuer of the ${subject}`, "another issuer's list"),
    ];
  if (!list.revoked.has(certificate.serial)) return [];
  return [
    fault("CERTIFICATE_REVOKED", subject, "not revoked", `serial ${certificate.serial} is on the ${list.subject}`),
  ];
}
