import type { Answer } from "../../src/core/oci/answer.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { Evidence, ReferrerEvidence } from "../../src/core/verify/evidence.ts";
import { withValues } from "./documents.ts";

/** Evidence with another list of referrers of one subject. */
export function withReferrers(
  evidence: Evidence,
  subject: Digest,
  change: (list: readonly ReferrerEvidence[]) => readonly ReferrerEvidence[],
): Evidence {
  const answer = evidence.referrers.get(subject);
  if (answer?.kind !== "found") throw new Error(`the evidence has no referrers of ${subject}`);
  return withAnswer(evidence, subject, { kind: "found", value: change(answer.value) });
}

/** Evidence in which the registry answered otherwise when it was asked for the referrers of a subject. */
export function withAnswer(evidence: Evidence, subject: Digest, answer: Answer<readonly ReferrerEvidence[]>): Evidence {
  return { ...evidence, referrers: new Map([...evidence.referrers, [subject, answer]]) };
}

/** Evidence in which a manifest is answered otherwise; its digest, as it was asked for, stays. */
export function withManifest(evidence: Evidence, digest: Digest, answer: Answer<Uint8Array>): Evidence {
  return { ...evidence, manifests: new Map([...evidence.manifests, [digest, answer]]) };
}

/** Evidence of another index: the sample's with values at dotted paths, and its own digest. */
export function withIndex(evidence: Evidence, changes: Readonly<Record<string, unknown>>): Evidence {
  return withIndexBytes(evidence, Buffer.from(JSON.stringify(withValues(indexOf(evidence), changes))));
}

/** Evidence of an index of other bytes, with the digest of these. */
export function withIndexBytes(evidence: Evidence, bytes: Uint8Array): Evidence {
  const digest = digestOf(bytes);
  return { ...withManifest(evidence, digest, { kind: "found", value: bytes }), digest };
}

/** The index as JSON. */
export function indexOf(evidence: Evidence): { readonly manifests: readonly Readonly<Record<string, unknown>>[] } {
  const answer = evidence.manifests.get(evidence.digest);
  if (answer?.kind !== "found") throw new Error("the evidence has no index");
  return JSON.parse(Buffer.from(answer.value).toString("utf8")) as ReturnType<typeof indexOf>;
}

/** A copy of bytes with one byte, or one bit of it, changed. */
export function flipped(bytes: Uint8Array, position: number, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[position] = (copy[position] ?? 0) ^ (1 << bit);
  return copy;
}
