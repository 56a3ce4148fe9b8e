import { isAbsolute, join } from "node:path";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { acceptsRefusals, enginesOf, placementOf } from "../config/admission-placement.ts";
import type { StackConfig } from "../config/stack-config.ts";
import { compile } from "../core/compile/validating-admission-policy/compile.ts";
import {
  assertNothingRefused,
  describeRefused,
  refusedWorkloads,
  runningDigests,
} from "../core/compile/validating-admission-policy/refused-workloads.ts";
import type { Unadmitted } from "../core/compile/validating-admission-policy/refused-workloads.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { TrustPolicy } from "../core/policy/trust-policy.ts";
import type { UsableRelease } from "../core/release/verified-release.ts";
import { readClusterWorkloads } from "./read-cluster-workloads.ts";
import type { ReadCluster } from "./read-cluster-workloads.ts";
import { readTrustedRootFile } from "./read-trusted-root.ts";
import { imageReleaseOf, teeTermsOf } from "./verify-releases.ts";
import type { Releases } from "./verify-releases.ts";
import { verifyRunning } from "./verify-running.ts";
import type { RunningVerdict } from "./verify-running.ts";

/** What one cluster's admission policies are made from, beside the policy. */
export interface PlannedAdmission {
  readonly cluster: string;
  readonly releases: readonly (Releases<UsableRelease> & { readonly running: readonly Digest[] })[];
  /** Which engines' CRDs the cluster serves; left out where it was not asked. */
  readonly discovered?: { readonly crds: readonly string[] };
  /** For engines that verify signatures themselves. */
  readonly trustedRoot?: Uint8Array;
  /** What runs and would be refused, or stays admitted in spite of its age; one line each. */
  readonly warnings: readonly string[];
}

export interface AdmissionContext {
  readonly client: RegistryClient;
  readonly checkout: string;
  readonly now: Date;
  /** Clusters are not asked: stack local's endpoints are dead, and an offline preview reads no kubeconfig. */
  readonly unread: boolean;
}

type ReleaseSet = Releases<UsableRelease>;

/** A cluster's pods, and the digests of the policy's images that they name, by the policy's repository. */
interface Inspected {
  readonly workloads: ReadCluster;
  readonly running: ReadonlyMap<string, readonly Digest[]>;
}

/**
 * Looks at what each cluster runs, so that its policies neither refuse a pod of a good release that moves to another node nor
 * enforce against something that nobody looked at. What runs and is none of the stack's releases is verified, too: only what
 * is proven stays on the list. Throws as `readClusterWorkloads` (CLUSTER_UNREACHABLE, …) and `verifyRunning`,
 * RUNNING_WOULD_BE_REFUSED.
 */
export async function planAdmission(
  config: StackConfig,
  releases: readonly ReleaseSet[],
  context: AdmissionContext,
): Promise<ReadonlyMap<string, PlannedAdmission>> {
  const clusters = config.clusters.filter(({ runs }) => runs?.includes("workloads") ?? true);
  const { admissionPolicies: settings, policy } = config;
  if (settings === undefined) return new Map();
  const read = context.unread ? [] : await readClusterWorkloads(clusters.map((one) => located(one, context.checkout)));
  const inspected = new Map(
    read.map((workloads): [string, Inspected] => [
      workloads.name,
      { workloads, running: runningDigests(policy, workloads, placementOf(settings, workloads.name).scope) },
    ]),
  );
  const verdicts = await verdictsOf(config, releases, inspected, context);
  return new Map(
    clusters.map(({ name }) => [
      name,
      planned(config, settings, releases, name, context, inspected.get(name), verdicts),
    ]),
  );
}

function planned(
  config: StackConfig,
  settings: NonNullable<StackConfig["admissionPolicies"]>,
  releases: readonly ReleaseSet[],
  cluster: string,
  { checkout, now }: AdmissionContext,
  inspected: Inspected | undefined,
  verdicts: ReadonlyMap<string, RunningVerdict>,
): PlannedAdmission {
  const { policy } = config;
  const placement = placementOf(settings, cluster);
  const engines = enginesOf(settings, cluster);
  const plan = {
    cluster,
    ...(engines.kyverno === undefined && engines.policyController === undefined
      ? {}
      : { trustedRoot: readTrustedRootFile(config.trustedRoot, checkout) }),
  };
  if (inspected === undefined) {
    return { ...plan, releases: releases.map((set) => ({ ...set, running: [] })), warnings: [] };
  }
  const { workloads } = inspected;
  const judged = releases.map((set) => judge(set, policy, inspected, verdicts));
  const sets = judged.map(({ set, running }) => ({ ...set, running }));
  const listed = sets.map((set) => imageReleaseOf(set, set.running));
  const unadmitted = new Map(judged.flatMap(({ refused }) => refused));
  const baseline = compile(policy, listed, now, placement);
  const refused = refusedWorkloads(baseline, workloads, placement.scope, unadmitted);
  const { rollout } = placement;
  assertNothingRefused(refused, { cluster, rollout, accept: acceptsRefusals(settings, cluster) });
  return {
    ...plan,
    releases: sets,
    discovered: { crds: workloads.crds },
    warnings: [
      ...refused.map((one) => `cluster ${cluster} runs what its policies refuse: ${describeRefused(one)}`),
      ...judged.flatMap(({ aged }) => aged.map((each) => `cluster ${cluster} runs ${each}`)),
    ],
  };
}

/** Verifies what runs and nobody verified yet: each image once, in however many clusters it runs. */
async function verdictsOf(
  config: StackConfig,
  releases: readonly ReleaseSet[],
  inspected: ReadonlyMap<string, Inspected>,
  { client, checkout, now }: AdmissionContext,
): Promise<ReadonlyMap<string, RunningVerdict>> {
  const { policy, trustedRoot } = config;
  const clusters = new Map<string, Set<string>>();
  for (const set of releases) {
    const known = releasedDigests(set);
    for (const [cluster, { running }] of inspected) {
      for (const digest of running.get(entryOf(policy, set).repository) ?? []) {
        // What is revoked is left out of the list whatever it proves.
        if (known.has(digest) || policy.revoked.includes(digest)) continue;
        const image = `${set.current.data.repository}@${digest}`;
        clusters.set(image, (clusters.get(image) ?? new Set()).add(cluster));
      }
    }
  }
  if (clusters.size === 0) return new Map();
  const running = [...clusters].map(([image, names]) => ({ image, clusters: [...names] }));
  const root = readTrustedRootFile(trustedRoot, checkout);
  return verifyRunning(client, running, { policy, trustedRoot: root, now, tee: teeTermsOf(config, { checkout }) });
}

/** What of an image runs in one cluster: what stays on its list, what does not, and what is told. */
interface Judged {
  readonly set: ReleaseSet;
  readonly running: readonly Digest[];
  /** By image, as pods name it. */
  readonly refused: readonly (readonly [string, Unadmitted])[];
  readonly aged: readonly string[];
}

function judge(
  set: ReleaseSet,
  policy: TrustPolicy,
  { running }: Inspected,
  verdicts: ReadonlyMap<string, RunningVerdict>,
): Judged {
  const { repository, mirrors } = entryOf(policy, set);
  const place = set.current.data.repository;
  const digests = running.get(repository) ?? [];
  const found = digests.map((digest) => [digest, verdicts.get(`${place}@${digest}`)] as const);
  const good = releasedDigests(set);
  for (const [image, verdict] of verdicts) {
    // A pod may name a platform of a release that is proven because another pod, here or elsewhere, names its index.
    if (verdict.kind !== "verified" || !image.startsWith(`${place}@`)) continue;
    for (const digest of verdict.platforms) good.add(digest);
  }
  const stays = ([digest, verdict]: (typeof found)[number]): boolean =>
    good.has(digest) || verdict?.kind === "verified" || policy.revoked.includes(digest);
  return {
    set,
    // What is revoked goes along, as the compiler leaves it out and says so.
    running: found.filter(stays).map(([digest]) => digest),
    refused: found.flatMap((one) => {
      const [digest, verdict] = one;
      if (stays(one) || verdict?.kind !== "refused") return [];
      return [repository, ...mirrors].map((at) => [`${at}@${digest}`, unadmittedFor(verdict)] as const);
    }),
    aged: found.flatMap(([digest, verdict]) =>
      verdict?.kind === "verified" && verdict.aged.length > 0
        ? [
            `${place}@${digest}, none of the stack's releases: it is proven, but would not pass as a new one (${verdict.aged.join(", ")}). It stays admitted until it has drained; revoke it in the policy to end that.`,
          ]
        : [],
    ),
  };
}

function unadmittedFor({ codes }: Extract<RunningVerdict, { kind: "refused" }>): Unadmitted {
  // A revocation must not wait for the pods that it is about.
  if (codes.includes("REVOKED")) {
    return { reason: "revoked", todo: "The policy revoked it, or its signer: deploy a release that is not revoked." };
  }
  const mend = codes.includes("INDEX_INVALID")
    ? "Name a release's image index; where this is a platform's manifest of a release that verifies, keep that release among the stack's retained ones."
    : "Deploy a release that verifies (verify-image tells each finding).";
  return {
    reason: "unverified",
    todo: `It does not verify: ${codes.join(", ")}. ${mend} If nobody knows it, revoke it in the policy.`,
  };
}

/** The set's digests, and those of its platforms. */
function releasedDigests({ current, retained }: ReleaseSet): Set<Digest> {
  return new Set(
    [current, ...retained].flatMap(({ data }) => [
      data.digest,
      ...("manifest" in data ? data.manifest.platforms.map(({ digest }) => digest) : []),
    ]),
  );
}

/** The policy's image that a set is about: pods may name its repository or a mirror, and so may the stack. */
function entryOf(
  policy: TrustPolicy,
  { current }: ReleaseSet,
): Pick<TrustPolicy["images"][number], "repository" | "mirrors"> {
  const { repository } = current.data;
  const entry = policy.images.find((image) => image.repository === repository || image.mirrors.includes(repository));
  return entry ?? { repository, mirrors: [] };
}

function located(
  { name, kubeconfig = "", context }: StackConfig["clusters"][number],
  checkout: string,
): { name: string; kubeconfig: string; context?: string } {
  const path = isAbsolute(kubeconfig) ? kubeconfig : join(checkout, kubeconfig);
  return { name, kubeconfig: path, ...(context === undefined ? {} : { context }) };
}
