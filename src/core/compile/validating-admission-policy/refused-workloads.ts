import { Failure } from "../../failure.ts";
import { isDigest } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { inScope } from "../namespace-scope.ts";
import type { NamespaceScope } from "../namespace-scope.ts";
import type { AdmissionBaseline } from "./compile.ts";
import { pinnedPattern } from "./expressions.ts";

/** An image that a pod names, which has not run to its end. */
export interface RunningImage {
  readonly namespace: string;
  readonly pod: string;
  /** A container's name, or `volume <name>`. */
  readonly container: string;
  /** As the pod says it: that, and not what the node made of it, is judged when the pod is made again. */
  readonly image: string;
}

/** What runs in a cluster, as it was read from it. */
export interface ClusterWorkloads {
  readonly images: readonly RunningImage[];
  readonly namespaces: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[];
}

/** One running image that would be refused when its pod is made again. */
export interface RefusedWorkload extends RunningImage {
  readonly reason: "unpinned" | "unlisted" | "unverified" | "revoked" | "ended";
  /** What to do, as an imperative sentence. */
  readonly todo: string;
}

/** Why a running image was not put on the list, and what to do, when more is known than that it isn't there. */
export interface Unadmitted {
  readonly reason: "unverified" | "revoked";
  readonly todo: string;
}

const spelling = new RegExp(pinnedPattern);

/**
 * Which running images the baseline would refuse, by its own rules, in the guarded namespaces; sorted. Pure.
 * A namespace that wasn't read is taken for one without labels. `unadmitted`: by `repository@digest`, as pods name it.
 */
export function refusedWorkloads(
  baseline: Pick<AdmissionBaseline, "images" | "omissions">,
  workloads: ClusterWorkloads,
  scope: NamespaceScope,
  unadmitted: ReadonlyMap<string, Unadmitted> = new Map(),
): RefusedWorkload[] {
  const listed = new Set(
    baseline.images.map(({ repository, digest, namespace }) => `${repository}@${digest} ${namespace ?? ""}`),
  );
  const omitted = new Map(baseline.omissions.map(({ image, code }) => [image, code]));
  return guarded(workloads, scope)
    .flatMap((running): RefusedWorkload[] => {
      const { image, namespace } = running;
      if (!spelling.test(image)) {
        const todo = "Pin it by digest, as registry/path@sha256:…, without a tag.";
        return [{ ...running, reason: "unpinned", todo }];
      }
      if (listed.has(`${image} `) || listed.has(`${image} ${namespace}`)) return [];
      const code = omitted.get(image);
      if (code === "REVOKED") {
        return [{ ...running, reason: "revoked", todo: "Deploy a release that is not revoked." }];
      }
      if (code !== undefined) {
        return [{ ...running, reason: "ended", todo: "Deploy a newer one, or renew the exception in the policy." }];
      }
      const known = unadmitted.get(image);
      if (known !== undefined) return [{ ...running, ...known }];
      const todo =
        "Verify it, and name it in the stack's releases, or in the policy's thirdParty for this namespace, with a reason and an end.";
      return [{ ...running, reason: "unlisted", todo }];
    })
    .sort((left, right) => (lineOf(left) < lineOf(right) ? -1 : 1));
}

/**
 * Digests of the policy's images that pods of guarded namespaces name, by the policy's repository (a mirror counts for its
 * image), sorted: what has to be proven to become `running` of a release set. What is in no guarded namespace is not judged,
 * and not listed.
 */
export function runningDigests(
  policy: TrustPolicy,
  workloads: ClusterWorkloads,
  scope: NamespaceScope,
): ReadonlyMap<string, readonly Digest[]> {
  const own = new Map(
    policy.images.flatMap(({ repository, mirrors }) => [repository, ...mirrors].map((place) => [place, repository])),
  );
  const found = new Map<string, Set<Digest>>();
  for (const { image } of guarded(workloads, scope)) {
    if (!spelling.test(image)) continue;
    const [place = "", digest = ""] = image.split("@");
    const repository = own.get(place);
    if (repository === undefined || !isDigest(digest)) continue;
    found.set(repository, (found.get(repository) ?? new Set()).add(digest));
  }
  return new Map([...found].map(([repository, digests]) => [repository, [...digests].sort()]));
}

/** One line for people: `shop/web (main): ghcr.io/… (unlisted). Verify it …` */
export function describeRefused({ namespace, pod, container, image, reason, todo }: RefusedWorkload): string {
  return `${namespace}/${pod} (${container}): ${image} (${reason}). ${todo}`;
}

/**
 * Refuses to enforce while pods run that the baseline would refuse when they are made again: a node that fails would take them away
 * for good. What the policy itself revoked, or let end, is told and holds nothing up: else a revocation would wait for the pods
 * that it is about. Throws RUNNING_WOULD_BE_REFUSED.
 */
export function assertNothingRefused(
  refused: readonly RefusedWorkload[],
  {
    cluster,
    rollout,
    accept,
  }: { readonly cluster: string; readonly rollout: "warn" | "enforce"; readonly accept: boolean },
): void {
  const surprising = refused.filter(({ reason }) => reason !== "revoked" && reason !== "ended");
  if (rollout === "warn" || accept || surprising.length === 0) return;
  throw new Failure({
    code: "RUNNING_WOULD_BE_REFUSED",
    kind: "refused",
    message: `${surprising.length === 1 ? "1 image runs" : `${surprising.length} images run`} in guarded namespaces of cluster "${cluster}" and would be refused when made again.`,
    remedy:
      "Do what each line says, or set rollout to warn until it is done; refuseRunning: accept in admissionPolicies enforces all the same.",
    details: surprising.map(describeRefused),
  });
}

function guarded({ images, namespaces }: ClusterWorkloads, scope: NamespaceScope): readonly RunningImage[] {
  const labels = new Map(namespaces.map((namespace) => [namespace.name, namespace.labels]));
  return images.filter(({ namespace }) => inScope(scope, { name: namespace, labels: labels.get(namespace) ?? {} }));
}

function lineOf({ namespace, pod, container, image }: RunningImage): string {
  return [namespace, pod, container, image].join("\u0000");
}
