import { createHash, randomBytes, sign } from "node:crypto";
import { ASN1Obj } from "@sigstore/core";
import { z } from "zod";
import { failed, notFound } from "./answers.ts";
import type { Service } from "./answers.ts";
import type { TimestampMaterial } from "./authority-material.ts";
import { ecdsaWithSha256, nameOf } from "./certificates.ts";
import {
  element,
  generalizedTime,
  integer,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tagged,
  wholeSecond,
} from "./der.ts";

const policy = "1.3.6.1.4.1.57264.2";
const sha256Id = "2.16.840.1.101.3.4.2.1";
const sha256Algorithm = sequence(objectIdentifier(sha256Id), nullValue);
const tstInfoType = "1.2.840.113549.1.9.16.1.4";

export interface TimestampRequest {
  /** SHA-256 of what is stamped: for a bundle, of its signature. */
  readonly digest: Uint8Array;
  readonly nonce?: Uint8Array;
  /** Whether the token carries the authority's certificate. */
  readonly withCertificate: boolean;
}

/** A time-stamp response of RFC 3161 with the time down to the second; DER. */
export function timestampResponse(request: TimestampRequest, material: TimestampMaterial, now: Date): Buffer {
  const time = wholeSecond(now);
  const info = sequence(
    integer(1),
    objectIdentifier(policy),
    sequence(sha256Algorithm, octetString(request.digest)),
    integer(randomBytes(16)),
    generalizedTime(time),
    sequence(integer(1)), // accuracy: one second
    ...(request.nonce === undefined ? [] : [integer(request.nonce)]),
  );
  const attribute = (id: string, value: Uint8Array) => sequence(objectIdentifier(id), setOf(value));
  const issuer = nameOf(material.issuerName);
  const certificateId = sequence(
    octetString(createHash("sha256").update(material.certificate).digest()),
    sequence(sequence(tagged(4, issuer)), integer(material.serial)),
  );
  const attributes = [
    attribute("1.2.840.113549.1.9.3", objectIdentifier(tstInfoType)),
    attribute("1.2.840.113549.1.9.4", octetString(createHash("sha256").update(info).digest())),
    attribute("1.2.840.113549.1.9.16.2.47", sequence(sequence(certificateId))), // signingCertificateV2 (RFC 5816)
  ].toSorted((a, b) => Buffer.compare(a, b));
  const signer = sequence(
    integer(1),
    sequence(issuer, integer(material.serial)),
    sha256Algorithm,
    tagged(0, ...attributes),
    ecdsaWithSha256,
    octetString(sign("sha256", element(0x31, ...attributes), material.privateKey)),
  );
  const signedData = sequence(
    integer(3),
    setOf(sha256Algorithm),
    sequence(objectIdentifier(tstInfoType), tagged(0, octetString(info))),
    ...(request.withCertificate ? [tagged(0, material.certificate)] : []),
    setOf(signer),
  );
  const token = sequence(objectIdentifier("1.2.840.113549.1.7.2"), tagged(0, signedData));
  return sequence(sequence(integer(0)), token);
}

const jsonRequest = z.object({
  artifactHash: z.base64(),
  hashAlgorithm: z.literal("sha256"),
  nonce: z.int().nonnegative().optional(),
  certificates: z.boolean().optional(),
});

/** The authority's API (timestamp-authority openapi): requests in DER (RFC 3161, section 3.4) or in JSON. */
export function timestampService(material: TimestampMaterial, now: () => Date): Service {
  return ({ method, path, type, body }) => {
    if (method !== "POST" || path !== "/api/v1/timestamp") return notFound;
    const request = type.startsWith("application/timestamp-query") ? fromDer(body) : fromJson(body);
    if (request?.digest.length !== 32) return failed(400, "the request must be for a SHA-256 digest");
    return { status: 201, type: "application/timestamp-reply", body: timestampResponse(request, material, now()) };
  };
}

function fromJson(body: Buffer): TimestampRequest | undefined {
  try {
    const { artifactHash, nonce, certificates } = jsonRequest.parse(JSON.parse(body.toString("utf8")));
    return {
      digest: Buffer.from(artifactHash, "base64"),
      withCertificate: certificates ?? false,
      ...(nonce === undefined ? {} : { nonce: Buffer.from(nonce.toString(16).padStart(14, "0"), "hex") }),
    };
  } catch {
    return undefined;
  }
}

/** TimeStampReq: version, messageImprint, then optional policy, nonce and certReq. */
function fromDer(body: Buffer): TimestampRequest | undefined {
  try {
    const [, imprint, ...optional] = ASN1Obj.parseBuffer(Buffer.from(body)).subs;
    const algorithm = imprint?.subs[0]?.subs[0]?.toOID();
    const digest = imprint?.subs[1]?.value;
    if (algorithm !== sha256Id || digest === undefined) return undefined;
    const nonce = optional.find((part) => part.tag.isInteger())?.value;
    const wanted = optional.find((part) => part.tag.isBoolean())?.toBoolean() ?? false;
    return { digest, withCertificate: wanted, ...(nonce === undefined ? {} : { nonce }) };
  } catch {
    return undefined;
  }
}
