import type { Digest } from "../../src/core/oci/digest.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import type { ReleaseData } from "../../src/core/release/verified-release.ts";
import type { Evidence, ReferrerEvidence } from "../../src/core/verify/evidence.ts";
import type { Kind, ReleaseLab } from "./release-lab.ts";

/** Evidence that is quick to verify, and the one referrer in it that a test changes. */
export interface NarrowedEvidence {
  readonly evidence: Evidence;
  readonly policy: TrustPolicy;
  readonly subject: Digest;
  readonly referrer: ReferrerEvidence;
}

/** The evidence of one kind and the manifest alone, under a policy that demands no other. */
export function narrowedEvidence(lab: ReleaseLab, kind: Kind): NarrowedEvidence {
  const kept: readonly Kind[] = [kind, "manifest"];
  const dropped = (["signature", "provenance", "sbom"] as const).filter((other) => !kept.includes(other));
  const policy = lab.policyWith(Object.fromEntries(dropped.map((other) => [`require.${other}`, []])));
  const drop = dropped.flatMap((other) => {
    return (["linux/amd64", "linux/arm64"] as const).map((platform) => lab.without(other, platform));
  });
  const referrers = new Map(
    [...lab.evidence.referrers].map(([subject, answer]) => {
      const value = answer.kind === "found" ? answer.value : [];
      const left = value.filter((one) =>
        drop.every((without) => {
          const list = without.referrers.get(subject);
          return list?.kind === "found" && list.value.includes(one);
        }),
      );
      return [subject, { kind: "found", value: left } as const];
    }),
  );
  const evidence = { ...lab.evidence, referrers };
  const subject = lab.subject(kind);
  const others = lab.without(kind).referrers.get(subject);
  const all = referrers.get(subject)?.value ?? [];
  const referrer = all.find((one) => others?.kind === "found" && !others.value.includes(one));
  if (referrer === undefined) throw new Error(`the evidence has no ${kind}`);
  return { evidence, policy, subject, referrer };
}

/**
 * Everything that was proven, as far as it has a meaning: an annotation of a referrer may differ, and with it the referrer's
 * digest.
 */
export function meaningOf(data: ReleaseData): unknown {
  return { ...data, statements: data.statements.map(({ referrer: _, ...rest }) => rest) };
}

/** The bytes of an answer that a test knows to be there. */
export function foundBytes(answer: ReferrerEvidence["manifest"]): Uint8Array {
  if (answer.kind !== "found") throw new Error("the answer brought nothing");
  return answer.value;
}
