import { X509Certificate, constants, verify } from "node:crypto";
import { sha256Hex } from "../oci/digest.ts";
import type { EndorsementFault, EndorsementFaultCode } from "./launch-endorsement-fault.ts";
import { readProtobuf } from "./protobuf-reader.ts";
import type { ProtobufFields } from "./protobuf-reader.ts";

/**
 * Google's signed statement about the virtual firmware of its confidential machines: which MRTDs it gives
 * (google/gce-tcb-verifier, proto/endorsement.proto and verify/verify.go). Firmware is chosen when a machine starts, so MRTD changes
 * without notice: it is looked up here for each machine, and never written into a policy.
 */
export interface LaunchEndorsement {
  readonly signed: Date;
  /** SHA-384 of the firmware, which Google publishes under this name. */
  readonly firmware: string;
  /** Google's number of the security version, for TDX. */
  readonly svn: number;
  /** Where the firmware was built from; at least one is there for what was signed after August 2, 2024. */
  readonly source: { readonly changelist: string; readonly commit: string };
  readonly measurements: readonly EndorsedMeasurement[];
}

/** One MRTD and the machines that have it: the amount of memory is a part of what is measured. */
export interface EndorsedMeasurement {
  readonly ramGib: number;
  readonly earlyAccept: boolean;
  readonly mrtd: string;
}

export type EndorsementVerdict =
  | { readonly ok: true; readonly endorsement: LaunchEndorsement }
  | { readonly ok: false; readonly faults: readonly [EndorsementFault, ...EndorsementFault[]] };

export const endorsementBytesMost = 256 * 1024;
/** From then on Google's release process keeps the source (verify.go, uefiReleaseChangeDate). */
const provenanceSince = new Date("2024-08-02T00:00:00Z");

/** Under which root an endorsement is verified, and as of when. */
export interface EndorsementTerms {
  /** The root certificate, PEM or DER: bytes that anybody may have written. */
  readonly root: Uint8Array;
  /** SHA-256 of the root certificate's DER, 64 hex digits in lower case: `googleRootSha256`, or a test's. */
  readonly rootSha256: string;
  readonly at: Date;
}

/**
 * Verifies an endorsement (VMLaunchEndorsement, binary) against the root certificate that Google publishes, as of `at`. The
 * signer's certificate lies in what it signed; what makes it good is that the root issued it, and the root is who has the
 * pinned digest, whatever else calls itself so. Never throws for the endorsement or the root.
 */
export function verifyLaunchEndorsement(
  bytes: Uint8Array,
  { root, rootSha256, at }: EndorsementTerms,
): EndorsementVerdict {
  if (bytes.length > endorsementBytesMost) {
    return refuse("ENDORSEMENT_TOO_LARGE", `at most ${endorsementBytesMost} bytes`, `${bytes.length}`);
  }
  const envelope = readProtobuf(bytes);
  // What is not signed has nothing but these two, each once.
  const golden = envelope === undefined ? undefined : onlyBytes(envelope, 1);
  const signature = envelope === undefined ? undefined : onlyBytes(envelope, 2);
  if (golden === undefined || signature === undefined || envelope?.size !== 2) {
    return refuse("ENDORSEMENT_INVALID", "a VMLaunchEndorsement", "something else");
  }
  const fields = readProtobuf(golden);
  const certificate = fields === undefined ? undefined : onlyBytes(fields, 4);
  if (fields === undefined || certificate === undefined) {
    return refuse("ENDORSEMENT_INVALID", "a VMGoldenMeasurement with a certificate", "something else");
  }
  const signer = readCertificate(certificate);
  const authority = readCertificate(root);
  if (authority?.ca !== true) return refuse("ENDORSEMENT_ROOT", "the certificate of an authority", "something else");
  const digest = sha256Hex(authority.raw);
  if (digest !== rootSha256) {
    return refuse(
      "ENDORSEMENT_ROOT_NOT_PINNED",
      `a root with SHA-256 ${rootSha256}`,
      `${digest}, ${nameOf(authority)}`,
    );
  }
  if (signer === undefined || !issued(authority, signer)) {
    return refuse("ENDORSEMENT_CERTIFICATE", `a certificate by ${nameOf(authority)}`, nameOf(signer));
  }
  const late = [signer, authority].find((one) => at < one.validFromDate || at > one.validToDate);
  if (late !== undefined) {
    const window = `${late.validFromDate.toISOString()} to ${late.validToDate.toISOString()}`;
    return refuse("ENDORSEMENT_NOT_IN_TIME", `a time from ${window}`, at.toISOString());
  }
  if (!signedBy(signer, golden, signature)) {
    return refuse("ENDORSEMENT_SIGNATURE", `signed by ${nameOf(signer)}, RSA-PSS with SHA-256`, "another signature");
  }
  return readGolden(fields);
}

/** The measurements of an endorsement that a machine's MRTD is one of; a fault when it is none. */
export function judgeMrtd(
  endorsement: LaunchEndorsement,
  mrtd: string,
):
  | { readonly ok: true; readonly machines: readonly EndorsedMeasurement[] }
  | { readonly ok: false; readonly faults: readonly [EndorsementFault] } {
  const machines = endorsement.measurements.filter((measurement) => measurement.mrtd === mrtd);
  if (machines.length > 0) return { ok: true, machines };
  const endorsed = endorsement.measurements.map((one) => `${one.mrtd} (${one.ramGib} GiB)`);
  const fault: EndorsementFault = {
    code: "ENDORSEMENT_OTHER_MRTD",
    subject: "MRTD",
    expected: `one of ${endorsed.slice(0, 8).join(", ")}${endorsed.length > 8 ? ` and ${endorsed.length - 8} more` : ""}`,
    found: mrtd,
  };
  return { ok: false, faults: [fault] };
}

/** Called once the signature holds: members that are not known are left alone, as Google adds some. */
function readGolden(fields: ProtobufFields): EndorsementVerdict {
  const time = messageOf(fields, 1);
  const seconds = time === undefined ? undefined : numberOf(time, 1);
  const digest = onlyBytes(fields, 5);
  const changelist = numberOf(fields, 2);
  const commit = fields.has(3) ? onlyBytes(fields, 3) : new Uint8Array();
  if (seconds === undefined || seconds > 253_402_300_799n || digest?.length !== 48) {
    return refuse("ENDORSEMENT_INVALID", "a time and a SHA-384 of the firmware", "neither, or something else");
  }
  if (changelist === undefined || commit === undefined) {
    return refuse("ENDORSEMENT_INVALID", "one source of the firmware", "several");
  }
  const signed = new Date(Number(seconds) * 1000);
  if (signed > provenanceSince && changelist === 0n && commit.length === 0) {
    return refuse("ENDORSEMENT_WITHOUT_PROVENANCE", "a changelist or a commit", "neither");
  }
  if (!fields.has(8)) return refuse("ENDORSEMENT_WITHOUT_TDX", "measurements for TDX", "none");
  const tdx = messageOf(fields, 8);
  const svn = tdx === undefined ? undefined : numberOf(tdx, 1);
  const measurements = (tdx?.get(2) ?? []).map(readMeasurement);
  const read = measurements.filter((measurement) => measurement !== undefined);
  if (svn === undefined || svn > 0xffff_ffffn || read.length !== measurements.length) {
    return refuse("ENDORSEMENT_INVALID", "measurements of 48 bytes for TDX", "something else");
  }
  if (read.length === 0) return refuse("ENDORSEMENT_WITHOUT_TDX", "measurements for TDX", "none");
  return {
    ok: true,
    endorsement: {
      signed,
      firmware: Buffer.from(digest).toString("hex"),
      svn: Number(svn),
      source: { changelist: changelist.toString(), commit: Buffer.from(commit).toString("hex") },
      measurements: read,
    },
  };
}

function readMeasurement(value: bigint | Uint8Array): EndorsedMeasurement | undefined {
  const fields = typeof value === "bigint" ? undefined : readProtobuf(value);
  if (fields === undefined) return undefined;
  const [ram, early, mrtd] = [numberOf(fields, 1), numberOf(fields, 2), onlyBytes(fields, 3)];
  if (ram === undefined || ram > 0xffff_ffffn || early === undefined || mrtd?.length !== 48) return undefined;
  return { ramGib: Number(ram), earlyAccept: early !== 0n, mrtd: Buffer.from(mrtd).toString("hex") };
}

/** Of a field that may occur once: proto3 leaves out what is zero. Undefined: twice, or not a number. */
function numberOf(fields: ProtobufFields, number: number): bigint | undefined {
  const values = fields.get(number) ?? [0n];
  const [value] = values;
  return values.length === 1 && typeof value === "bigint" ? value : undefined;
}

function onlyBytes(fields: ProtobufFields, number: number): Uint8Array | undefined {
  const values = fields.get(number) ?? [];
  const [value] = values;
  return values.length === 1 && typeof value !== "bigint" ? value : undefined;
}

function messageOf(fields: ProtobufFields, number: number): ProtobufFields | undefined {
  const bytes = onlyBytes(fields, number);
  return bytes === undefined ? undefined : readProtobuf(bytes);
}

/** PEM or DER. */
function readCertificate(bytes: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

function issued(authority: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  } catch {
    return false;
  }
}

/** verify.go, EndorsementProto: SHA256WithRSAPSS, whose salt is as long as the hash (Go's crypto/x509). */
function signedBy(signer: X509Certificate, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = signer.publicKey;
    if (key.asymmetricKeyType !== "rsa" && key.asymmetricKeyType !== "rsa-pss") return false;
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return verify("sha256", data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature);
  } catch {
    return false;
  }
}

function nameOf(certificate: X509Certificate | undefined): string {
  return certificate === undefined ? "no certificate" : JSON.stringify(certificate.subject.slice(0, 200));
}

function refuse(code: EndorsementFaultCode, expected: string, found: string): EndorsementVerdict {
  return { ok: false, faults: [{ code, subject: "launch endorsement", expected, found }] };
}
