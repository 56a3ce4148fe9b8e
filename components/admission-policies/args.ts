import type { AdmissionBaseline, Placement } from "../../src/core/compile/validating-admission-policy/compile.ts";
import type { ImageRelease } from "../../src/core/compile/validating-admission-policy/image-list.ts";
import { Failure } from "../../src/core/failure.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { policyDigest } from "../../src/core/policy/policy-digest.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { assertUsable } from "../../src/core/release/verified-release.ts";
import type { UsableRelease } from "../../src/core/release/verified-release.ts";
import type { PlannedEngine } from "./engines.ts";

/** Verified releases and settings → what the compiler takes. Pure. */

/** The releases of one image that may run in a cluster. */
export interface ReleaseSet {
  readonly current: UsableRelease;
  /** What is rolled out next; listed first, so that its first pod is not refused. */
  readonly next?: UsableRelease;
  /** What one may go back to. */
  readonly retained?: readonly UsableRelease[];
  /**
   * Digests of this image that pods of the cluster run now, read from the cluster and never from the engine's state. The
   * caller has verified each (this repository's `planAdmission`; age aside): what is given here is admitted, unless revoked.
   * They keep a pod that moves to another node from being refused, until they have drained. Revoked ones are left out.
   */
  readonly running?: readonly Digest[];
}

/**
 * Digests of releases that were really verified, under this policy, in this process; planned ones only in a preview.
 * Throws RELEASE_NOT_VERIFIED, RELEASE_ONLY_PLANNED, RELEASE_OF_OTHER_POLICY.
 */
export function imageReleases(
  policy: TrustPolicy,
  sets: readonly ReleaseSet[],
  context: { readonly dryRun: boolean },
): ImageRelease[] {
  const wanted = policyDigest(policy);
  return sets.map((set) => {
    const current = assertUsable(set.current, context);
    const digestOf = (release: UsableRelease): Digest => {
      const data = assertUsable(release, context);
      if (data.policyDigest !== wanted) {
        throw otherPolicy(policy, `${data.repository}@${data.digest}`, `${data.policyName} (${data.environment})`);
      }
      if (data.repository !== current.repository) {
        throw otherImage(`${data.repository}@${data.digest}`, current.repository);
      }
      return data.digest;
    };
    return {
      repository: current.repository,
      current: digestOf(set.current),
      ...(set.next === undefined ? {} : { next: digestOf(set.next) }),
      retained: (set.retained ?? []).map(digestOf),
      running: set.running ?? [],
    };
  });
}

/** What is kept in the component's state and diffed: plain data, nothing secret, no proof (a copy proves nothing). */
export function toState(
  policy: TrustPolicy,
  cluster: string,
  placement: Placement,
  baseline: AdmissionBaseline,
  engines: readonly PlannedEngine[] = [],
): Record<string, unknown> {
  return {
    cluster,
    policy: policy.name,
    environment: policy.environment,
    namespace: placement.namespace,
    rollout: placement.rollout,
    scope: placement.scope,
    listDigest: baseline.listDigest,
    ...(engines.length === 0
      ? {}
      : {
          engines: Object.fromEntries(
            engines.map(({ name, rollout, settings }) => [name, { rollout, install: settings.install }]),
          ),
        }),
    images: baseline.images.map(({ repository, digest, namespace }) =>
      namespace === undefined ? `${repository}@${digest}` : `${repository}@${digest} in ${namespace}`,
    ),
  };
}

function otherPolicy(policy: TrustPolicy, image: string, found: string): Failure {
  return new Failure({
    code: "RELEASE_OF_OTHER_POLICY",
    kind: "refused",
    message: `${image} was verified under policy ${found}, not under ${policy.name} (${policy.environment}).`,
    remedy: "Verify it under the policy that the component is given.",
  });
}

function otherImage(image: string, expected: string): Failure {
  return new Failure({
    code: "RELEASE_OF_OTHER_IMAGE",
    kind: "refused",
    message: `${image} stands among the releases of ${expected}.`,
    remedy: "Give every image a release set of its own.",
  });
}
