import { ASN1Obj } from "@sigstore/core";
import type { X509Certificate } from "@sigstore/core";
import { reasonOf } from "../failure.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import type { CertificateClaims } from "./contract.ts";

const arc = "1.3.6.1.4.1.57264.1";
const codeSigning = "1.3.6.1.5.5.7.3.3";
const extendedKeyUsage = "2.5.29.37";

// fulcio docs/oid-info.md; .1 to .6 are raw strings and deprecated, .7 is the SAN of username identities.
const extensionNames = {
  9: "buildSignerUri",
  10: "buildSignerDigest",
  11: "runnerEnvironment",
  12: "sourceRepositoryUri",
  13: "sourceRepositoryDigest",
  14: "sourceRepositoryRef",
  15: "sourceRepositoryId",
  16: "sourceRepositoryOwnerUri",
  17: "sourceRepositoryOwnerId",
  18: "buildConfigUri",
  19: "buildConfigDigest",
  20: "buildTrigger",
  21: "runInvocationUri",
  22: "sourceRepositoryVisibility",
  23: "deploymentEnvironment",
  24: "tokenSubject",
} as const;

/**
 * Decodes what Fulcio wrote into a signing certificate. Refuses with BUNDLE_CERTIFICATE_INVALID what is ambiguous or
 * not meant for signing: no single subject alternative name, an extension that appears twice or is not what its number
 * says, two different issuers, no code-signing usage, a certificate authority.
 */
export function readCertificateClaims(certificate: X509Certificate, name: string): Checked<CertificateClaims> {
  try {
    return proven(decode(certificate));
  } catch (error) {
    return refuse("BUNDLE_CERTIFICATE_INVALID", {
      subject: name,
      expected: "a signing certificate of Fulcio",
      found: reasonOf(error),
      remedy: "Sign again with a certificate from the Fulcio instance that the trusted root names.",
    });
  }
}

function decode(certificate: X509Certificate): CertificateClaims {
  const values = extensionValues(certificate);
  if (certificate.extBasicConstraints?.isCA === true) throw new Error("it is a certificate authority's");
  const usage = values.get(extendedKeyUsage);
  const usages = usage === undefined ? [] : ASN1Obj.parseBuffer(usage).subs.map((sub) => sub.toOID());
  if (!usages.includes(codeSigning)) throw new Error("it is not meant for signing code");

  const oldIssuer = values.get(`${arc}.1`);
  const newIssuer = values.get(`${arc}.8`);
  const issuer = newIssuer === undefined ? undefined : utf8String(newIssuer);
  const legacy = oldIssuer === undefined ? undefined : text(oldIssuer);
  if (issuer !== undefined && legacy !== undefined && issuer !== legacy) throw new Error("it names two issuers");
  const found = issuer ?? legacy;
  if (found === undefined || found === "") throw new Error("it names no issuer");

  const decoded: Record<string, string> = {};
  for (const [number, key] of Object.entries(extensionNames)) {
    const value = values.get(`${arc}.${number}`);
    if (value !== undefined) decoded[key] = utf8String(value);
  }
  return { issuer: found, subjectAlternativeName: alternativeName(values.get("2.5.29.17")), ...decoded };
}

/** Extension values by object identifier, each a copy of the extnValue's content. */
function extensionValues(certificate: X509Certificate): Map<string, Buffer<ArrayBuffer>> {
  const values = new Map<string, Buffer<ArrayBuffer>>();
  for (const extension of certificate.extensions) {
    const id = extension.subs[0]?.toOID();
    const value = extension.subs.at(-1)?.value;
    if (id === undefined || value === undefined) throw new Error("an extension is malformed");
    if (values.has(id)) throw new Error(`the extension ${id} appears twice`);
    values.set(id, Buffer.from(value));
  }
  return values;
}

/** The one URI or e-mail address that the certificate is for (RFC 5280, section 4.2.1.6). */
function alternativeName(value: Buffer<ArrayBuffer> | undefined): string {
  if (value === undefined) throw new Error("it has no subject alternative name");
  const names = ASN1Obj.parseBuffer(value).subs;
  const [only, ...more] = names;
  if (only === undefined || more.length > 0)
    throw new Error(`it has ${names.length} subject alternative names, not one`);
  if (!only.tag.isContextSpecific(6) && !only.tag.isContextSpecific(1))
    throw new Error("its subject alternative name is neither a URI nor an e-mail address");
  const name = text(only.value);
  if (name === "") throw new Error("its subject alternative name is empty");
  return name;
}

function utf8String(der: Buffer<ArrayBuffer>): string {
  const object = ASN1Obj.parseBuffer(der);
  if (der[0] !== 0x0c) throw new Error("an extension is not a UTF8String");
  return text(object.value);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
