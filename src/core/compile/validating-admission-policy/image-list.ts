import { Failure } from "../../failure.ts";
import type { Digest } from "../../oci/digest.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";

/** The digests of one image of the policy, by why they may run. Every one was verified for this call. */
export interface ImageRelease {
  /** `registry/path`: the repository of one of the policy's images, or a mirror of it. Both are listed. */
  readonly repository: string;
  readonly current: Digest;
  /** What is rolled out next: listed before the first pod asks for it. */
  readonly next?: Digest;
  /** What one may go back to; what the policy's rollback exception names, only until that ends. */
  readonly retained: readonly Digest[];
  /**
   * What pods run now, of the releases above or proven on its own, age aside; a platform's digest where pods name that. Listed
   * until they are gone, so that a pod that moves to another node is not refused. Revoked ones come back as omissions.
   */
  readonly running: readonly Digest[];
}

/** Why a digest that was offered did not get into the list. */
export interface Omission {
  readonly code: "REVOKED" | "ROLLBACK_EXPIRED" | "THIRD_PARTY_EXPIRED";
  /** `repository@digest`. */
  readonly image: string;
  /** One sentence: what happens now. */
  readonly effect: string;
}

/** One admitted image, exactly as a pod must write it. */
export interface ListedImage {
  readonly repository: string;
  readonly digest: Digest;
  /** Only there; absent means every guarded namespace. */
  readonly namespace?: string;
}

/**
 * All images that may run: current, next, retained and running digests of the policy's images and their mirrors, and
 * third parties' digests in their namespaces. Sorted, without duplicates. Throws RELEASE_IMAGE_UNKNOWN for an image
 * that the policy does not name, RELEASE_REVOKED when the current or next release is revoked.
 */
export function admittedImages(
  policy: TrustPolicy,
  releases: readonly ImageRelease[],
  now: Date,
): { images: ListedImage[]; omissions: Omission[] } {
  const images = new Map<string, ListedImage>();
  const omissions: Omission[] = [];
  const list = (image: ListedImage): void => {
    images.set(`${image.repository}@${image.digest} ${image.namespace ?? ""}`, image);
  };
  const entries = new Map(
    policy.images.flatMap((entry) => [entry.repository, ...entry.mirrors].map((place) => [place, entry] as const)),
  );
  for (const release of releases) {
    const entry = entries.get(release.repository);
    if (entry === undefined) throw unknownImage(policy, release.repository);
    const digests = admittedDigests(policy, release, now, omissions);
    for (const repository of [entry.repository, ...entry.mirrors]) {
      for (const digest of digests) list({ repository, digest });
    }
  }
  for (const entry of policy.thirdParty) {
    for (const digest of entry.digests) {
      const image = `${entry.repository}@${digest}`;
      if (policy.revoked.includes(digest)) {
        omissions.push({ code: "REVOKED", image, effect: "It is revoked: no new pod may run it." });
      } else if (Date.parse(entry.expires) <= now.getTime()) {
        const effect = `Its exception ended at ${entry.expires}: no new pod may run it.`;
        omissions.push({ code: "THIRD_PARTY_EXPIRED", image, effect });
      } else {
        for (const namespace of entry.namespaces) list({ repository: entry.repository, digest, namespace });
      }
    }
  }
  const sorted = [...images].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, image]) => image);
  return { images: sorted, omissions };
}

function admittedDigests(policy: TrustPolicy, release: ImageRelease, now: Date, omissions: Omission[]): Set<Digest> {
  const revoked = (digest: Digest): boolean => policy.revoked.includes(digest);
  const image = (digest: Digest): string => `${release.repository}@${digest}`;
  const digests = new Set<Digest>();
  for (const digest of [release.current, ...(release.next === undefined ? [] : [release.next])]) {
    if (revoked(digest)) throw revokedRelease(image(digest));
    digests.add(digest);
  }
  const exception = policy.freshness.rollback;
  for (const digest of new Set([...release.retained, ...release.running])) {
    if (revoked(digest)) {
      const effect = "It is revoked: pods that run it go on, and are refused when they are made again.";
      omissions.push({ code: "REVOKED", image: image(digest), effect });
    } else if (
      exception?.digest === digest &&
      Date.parse(exception.expires) <= now.getTime() &&
      !release.running.includes(digest)
    ) {
      const effect = `The exception for going back to it ended at ${exception.expires}.`;
      omissions.push({ code: "ROLLBACK_EXPIRED", image: image(digest), effect });
    } else {
      digests.add(digest);
    }
  }
  return digests;
}

function unknownImage(policy: TrustPolicy, repository: string): Failure {
  return new Failure({
    code: "RELEASE_IMAGE_UNKNOWN",
    kind: "refused",
    message: `Policy "${policy.name}" names no image "${repository}", so it can't be admitted.`,
    remedy: "Add the repository to the policy's images, or take the release out of the stack.",
    details: policy.images.map((image) => `the policy names ${image.repository}`),
  });
}

function revokedRelease(image: string): Failure {
  return new Failure({
    code: "RELEASE_REVOKED",
    kind: "refused",
    message: `${image} is revoked by the policy, but the stack still names it as its current or next release.`,
    remedy: "Name a release that is not revoked.",
  });
}
