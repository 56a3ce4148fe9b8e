import type { TransparencyLogEntry } from "@sigstore/bundle";
import { RFC3161Timestamp } from "@sigstore/core";
import { reasonOf } from "../failure.ts";
import { sha256Hex } from "../oci/digest.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import type { ReadBundle } from "./bundle-format.ts";
import type { TrustedTime } from "./contract.ts";
import { signAgain } from "./library-verdict.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";

/** Parses the time stamps, which the library parses late, so that a finding says which part was malformed. */
export function parseStamps({ name, bundle }: ReadBundle): Checked<readonly RFC3161Timestamp[]> {
  try {
    const stamps: RFC3161Timestamp[] = [];
    for (const { signedTimestamp } of bundle.verificationMaterial.timestampVerificationData?.rfc3161Timestamps ?? []) {
      const stamp = RFC3161Timestamp.parse(Buffer.from(signedTimestamp));
      if (Number.isNaN(stamp.signingTime.getTime())) throw new Error("not a time");
      // Read here, where a token without them is told apart: the library finds them only when it is asked.
      if (stamp.signerSerialNumber.length === 0 || stamp.signerIssuer.length === 0) throw new Error("no signer");
      stamps.push(stamp);
    }
    return proven(stamps);
  } catch (error) {
    // The library reads a fraction of a second only with three digits; others are refused here, never misread.
    return refuse("BUNDLE_TIME_INVALID", {
      subject: name,
      expected: "RFC 3161 time stamps",
      found: reasonOf(error),
      remedy: signAgain,
    });
  }
}

/**
 * The times that count once the library has verified what they rest on: a log's only with its promise (a signed entry
 * timestamp: without it, integratedTime is anybody's word), an authority's only when the trusted root names it.
 */
export function trustedTimes(
  entries: readonly TransparencyLogEntry[],
  stamps: readonly RFC3161Timestamp[],
  root: TrustedRootMaterial,
): TrustedTime[] {
  const times: TrustedTime[] = [];
  for (const entry of entries) {
    const seconds = Number(entry.integratedTime);
    if (entry.inclusionPromise === undefined || !Number.isSafeInteger(seconds) || seconds <= 0) continue;
    times.push({ source: "tlog", time: new Date(seconds * 1000), authority: entry.logId.keyId.toString("hex") });
  }
  for (const stamp of stamps) {
    const authority = authorityOf(stamp, root);
    if (authority !== undefined) times.push({ source: "tsa", time: stamp.signingTime, authority });
  }
  return times;
}

/** The authority is its root's key: two tokens, or two signing certificates, of one authority count once. */
export function authorityOf(stamp: RFC3161Timestamp, root: TrustedRootMaterial): string | undefined {
  const chain = root.material.timestampAuthorities.find(({ certChain: [signer], validFor }) => {
    if (signer === undefined || validFor.start > stamp.signingTime || stamp.signingTime > validFor.end) return false;
    return signer.serialNumber.equals(stamp.signerSerialNumber) && signer.issuer.equals(stamp.signerIssuer);
  })?.certChain;
  const anchor = chain?.at(-1);
  return anchor === undefined ? undefined : sha256Hex(anchor.publicKey);
}
