import { RFC3161Timestamp } from "@sigstore/core";
import { verifyRFC3161Timestamp } from "@sigstore/verify/dist/timestamp/tsa.js";
import { reasonOf } from "../failure.ts";
import type { TrustedTime } from "./contract.ts";
import { authorityOf } from "./trusted-times.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";
import { withoutStackTraces } from "./without-stack-traces.ts";

export type TimestampVerdict =
  | { readonly ok: true; readonly time: TrustedTime }
  /** What is wrong with it, in words. */
  | { readonly ok: false; readonly fault: string };

/**
 * Verifies an RFC 3161 time-stamp response over `data` by itself, outside a bundle: by an authority that the trusted root
 * names, in its window, with its chain. By the library's own function, which it exports to its verifier alone.
 */
export function verifyTimestamp(token: Uint8Array, data: Uint8Array, root: TrustedRootMaterial): TimestampVerdict {
  try {
    const stamp = RFC3161Timestamp.parse(Buffer.from(token));
    // A response that was refused (RFC 3161, section 2.4.2: neither granted nor grantedWithMods) holds no time.
    if (stamp.status > 1n) return { ok: false, fault: `a refusal (status ${stamp.status})` };
    if (Number.isNaN(stamp.signingTime.getTime())) return { ok: false, fault: "not a time" };
    if (stamp.signerSerialNumber.length === 0 || stamp.signerIssuer.length === 0)
      return { ok: false, fault: "no signer" };
    withoutStackTraces(() => {
      verifyRFC3161Timestamp(stamp, Buffer.from(data), root.material.timestampAuthorities);
    });
    const authority = authorityOf(stamp, root);
    if (authority === undefined) return { ok: false, fault: "no authority of the trusted root" };
    return { ok: true, time: { source: "tsa", time: stamp.signingTime, authority } };
  } catch (error) {
    return { ok: false, fault: reasonOf(error) };
  }
}
