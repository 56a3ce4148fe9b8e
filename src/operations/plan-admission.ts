import { isAbsolute, join } from "node:path";
import { acceptsRefusals, enginesOf, placementOf } from "../config/admission-placement.ts";
import type { StackConfig } from "../config/stack-config.ts";
import { compile } from "../core/compile/validating-admission-policy/compile.ts";
import {
  assertNothingRefused,
  describeRefused,
  refusedWorkloads,
  runningDigests,
} from "../core/compile/validating-admission-policy/refused-workloads.ts";
import type { ImageRelease } from "../core/compile/validating-admission-policy/image-list.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { UsableRelease } from "../core/release/verified-release.ts";
import { readClusterWorkloads } from "./read-cluster-workloads.ts";
import type { ReadCluster } from "./read-cluster-workloads.ts";
import { readTrustedRootFile } from "./read-trusted-root.ts";
import { imageReleaseOf } from "./verify-releases.ts";
import type { Releases } from "./verify-releases.ts";

/** What one cluster's admission policies are made from, beside the policy. */
export interface PlannedAdmission {
  readonly cluster: string;
  readonly releases: readonly (Releases<UsableRelease> & { readonly running: readonly Digest[] })[];
  /** Which engines' CRDs the cluster serves; left out where it was not asked. */
  readonly discovered?: { readonly crds: readonly string[] };
  /** For engines that verify signatures themselves. */
  readonly trustedRoot?: Uint8Array;
  /** What runs and would be refused, one line each. */
  readonly warnings: readonly string[];
}

export interface AdmissionContext {
  readonly checkout: string;
  readonly now: Date;
  /** Clusters are not asked: stack local's endpoints are dead, and an offline preview reads no kubeconfig. */
  readonly unread: boolean;
}

/**
 * Looks at what each cluster runs, so that its policies neither refuse a pod that moves to another node nor enforce against
 * something that nobody looked at. Throws as `readClusterWorkloads` (CLUSTER_UNREACHABLE, …), RUNNING_WOULD_BE_REFUSED.
 */
export async function planAdmission(
  config: StackConfig,
  releases: readonly Releases<UsableRelease>[],
  context: AdmissionContext,
): Promise<ReadonlyMap<string, PlannedAdmission>> {
  const clusters = config.clusters.filter(({ runs }) => runs?.includes("workloads") ?? true);
  const settings = config.admissionPolicies;
  if (settings === undefined) return new Map();
  const read = context.unread ? [] : await readClusterWorkloads(clusters.map((one) => located(one, context.checkout)));
  const byName = new Map(read.map((one) => [one.name, one]));
  return new Map(
    clusters.map(({ name }) => [name, planned(config, settings, releases, name, byName.get(name), context)]),
  );
}

function planned(
  config: StackConfig,
  settings: NonNullable<StackConfig["admissionPolicies"]>,
  releases: readonly Releases<UsableRelease>[],
  cluster: string,
  workloads: ReadCluster | undefined,
  { checkout, now }: AdmissionContext,
): PlannedAdmission {
  const { policy } = config;
  const placement = placementOf(settings, cluster);
  const running =
    workloads === undefined ? new Map<string, readonly Digest[]>() : runningDigests(policy, workloads, placement.scope);
  const sets = releases.map((set) => ({ ...set, running: running.get(set.current.data.repository) ?? [] }));
  const engines = enginesOf(settings, cluster);
  const plan = {
    cluster,
    releases: sets,
    ...(engines.kyverno === undefined && engines.policyController === undefined
      ? {}
      : { trustedRoot: readTrustedRootFile(config.trustedRoot, checkout) }),
  };
  if (workloads === undefined) return { ...plan, warnings: [] };
  const listed = sets.map((set) => imageReleaseOf(set, set.running));
  const refused = refusedWorkloads(compile(policy, listed, now, placement), workloads, placement.scope);
  const { rollout } = placement;
  assertNothingRefused(refused, { cluster, rollout, accept: acceptsRefusals(settings, cluster) });
  const warnings = refused.map((one) => `cluster ${cluster} runs what its policies refuse: ${describeRefused(one)}`);
  return {
    ...plan,
    discovered: { crds: workloads.crds },
    warnings: [...warnings, ...unverifiedRunning(cluster, listed)],
  };
}

/** What is on the list only because it runs: nobody verified it, so that it is told on every run until it has drained. */
export function unverifiedRunning(cluster: string, listed: readonly Omit<ImageRelease, "next">[]): string[] {
  return listed.flatMap(({ repository, current, retained, running }) =>
    running
      .filter((digest) => digest !== current && !retained.includes(digest))
      .map(
        (digest) =>
          `cluster ${cluster} runs ${repository}@${digest}, none of the stack's releases: it was not verified, and stays admitted until it has drained. Revoke it in the policy if nobody knows it.`,
      ),
  );
}

function located(
  { name, kubeconfig = "", context }: StackConfig["clusters"][number],
  checkout: string,
): { name: string; kubeconfig: string; context?: string } {
  const path = isAbsolute(kubeconfig) ? kubeconfig : join(checkout, kubeconfig);
  return { name, kubeconfig: path, ...(context === undefined ? {} : { context }) };
}
