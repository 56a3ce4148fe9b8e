import { enginePlacementOf, enginesOf, placementOf } from "../config/admission-placement.ts";
import type { EngineName } from "../config/admission-placement.ts";
import type { StackConfig } from "../config/stack-config.ts";
import type { BrokerRules, SignerRelease } from "../core/compile/key-broker/compile.ts";
import type { TargetInput, TargetOutput } from "../core/compile/target.ts";
import type { CompileTargetName } from "../core/compile/target-names.ts";
import { compileTargets } from "../core/compile/targets.ts";
import { Failure } from "../core/failure.ts";
import { PlannedRelease, assertVerified } from "../core/release/verified-release.ts";
import type { UsableRelease } from "../core/release/verified-release.ts";
import type { RegistryClient } from "../adapters/registry/client.ts";
import { readTrustedRootFile } from "./read-trusted-root.ts";
import { imageReleaseOf, planReleases, verifyReleases } from "./verify-releases.ts";
import type { Releases, StackReleases } from "./verify-releases.ts";

/** What a policy is compiled with. */
export interface CompileRequest {
  readonly target: CompileTargetName;
  readonly source: StackReleases;
  readonly placement: TargetInput["placement"];
  readonly tuf?: NonNullable<TargetInput["tuf"]>;
  /** For the key broker: who gets what. `source` is then the signer's policy and its one image. */
  readonly broker?: BrokerRules;
  /** Take the digests that the source names without verifying them: nothing may be admitted by the result unread. */
  readonly planned: boolean;
  readonly now: Date;
}

export interface CompileContext {
  /** Made when a release has to be verified. */
  readonly openRegistry: () => RegistryClient;
  readonly checkout: string;
}

const plannedNote =
  "These digests were NOT verified (--planned): make it again without --planned before you apply it to a cluster.";

/**
 * Compiles a policy for one target. A list of images is made from releases that verify, here and now, and from nothing else unless
 * `planned`. Throws what verifying, reading the root and the target's compile throw.
 */
export async function compilePolicy(request: CompileRequest, context: CompileContext): Promise<TargetOutput> {
  const { source, placement, tuf, broker, planned, now } = request;
  const target = compileTargets[request.target];
  const rules = target.needs.includes("broker") ? broker : undefined;
  const sets =
    target.needs.includes("releases") || rules !== undefined ? await releasesOf(source, { planned, now, context }) : [];
  const releases = sets.map((set) => imageReleaseOf(set, []));
  const output = target.compile({
    policy: source.policy,
    releases,
    now,
    placement,
    ...(target.needs.includes("root") && source.trustedRoot !== ""
      ? { trustedRoot: readTrustedRootFile(source.trustedRoot, context.checkout) }
      : {}),
    ...(tuf === undefined ? {} : { tuf }),
    ...(rules === undefined ? {} : { broker: { ...rules, releases: sets.flatMap(signerReleases) } }),
  });
  return planned && releases.length > 0 ? { ...output, notes: [plannedNote, ...output.notes] } : output;
}

async function releasesOf(
  source: StackReleases,
  { planned, now, context }: { planned: boolean; now: Date; context: CompileContext },
): Promise<Releases<UsableRelease>[]> {
  if (source.releases.length === 0) return [];
  if (planned) return planReleases(source);
  const { checkout, openRegistry } = context;
  return verifyReleases(source, { client: openRegistry(), checkout, now });
}

/** The measurements that the verified manifests name; of a planned release nobody knows them. */
function signerReleases({ current, retained }: Releases<UsableRelease>): SignerRelease[] {
  return [current, ...retained].map((release): SignerRelease => {
    const { repository, digest } = release.data;
    return release instanceof PlannedRelease
      ? { repository, digest, measurements: "planned" }
      : { repository, digest, measurements: assertVerified(release).manifest.measurements };
  });
}

/**
 * What a stack's settings say about its key broker: the signer's releases under their own policy, and who gets what.
 * Throws KEY_BROKER_NOT_SET (usage).
 */
export function stackBroker(config: StackConfig): Pick<CompileRequest, "source" | "placement" | "broker"> {
  const { keyBroker, signerRelease } = config;
  if (keyBroker === undefined || signerRelease === undefined) {
    throw new Failure({
      code: "KEY_BROKER_NOT_SET",
      kind: "usage",
      message: "The stack has no keyBroker with a signerRelease, which its policies are made from.",
      remedy: "Name a stack that has both, or give --policy (the signer's), --release, --tee-rules and --resource.",
    });
  }
  const { policy, image, current, retained, trustedRoot = config.trustedRoot } = signerRelease;
  const { type, tag } = keyBroker.credential;
  return {
    source: { policy, trustedRoot, releases: [{ image, current, retained }] },
    placement: unplaced,
    broker: { tee: keyBroker.tee, resources: [{ type, tag }] },
  };
}

/** For targets that are put into no cluster. */
const unplaced: CompileRequest["placement"] = {
  name: "neko-trust",
  namespace: "neko-trust",
  rollout: "enforce",
  scope: { kind: "all-except", exempt: [] },
};

const engineOf: Readonly<Partial<Record<CompileTargetName, EngineName>>> = {
  kyverno: "kyverno",
  "policy-controller": "policyController",
  gatekeeper: "gatekeeper",
};

/**
 * Where a stack's settings put a target in one of its clusters. Without a name: the stack's only cluster.
 * Throws CLUSTER_NOT_NAMED, ADMISSION_NOT_SET (usage).
 */
export function stackPlacement(
  config: StackConfig,
  target: CompileTargetName,
  cluster: string | undefined,
): Pick<CompileRequest, "placement" | "tuf"> {
  if (compileTargets[target].kind !== "admission") return { placement: unplaced };
  const names = config.clusters.filter(({ runs }) => runs?.includes("workloads") ?? true).map(({ name }) => name);
  const [only, ...more] = names;
  const chosen = cluster ?? (more.length === 0 ? only : undefined);
  if (chosen === undefined || !names.includes(chosen)) {
    throw new Failure({
      code: "CLUSTER_NOT_NAMED",
      kind: "usage",
      message:
        chosen === undefined ? "The stack has not exactly one cluster." : `The stack has no cluster "${chosen}".`,
      remedy: `Name one of its clusters with --cluster: ${names.join(", ") || "it has none"}.`,
    });
  }
  const settings = config.admissionPolicies;
  if (settings === undefined) {
    throw new Failure({
      code: "ADMISSION_NOT_SET",
      kind: "usage",
      message: "The stack has no admissionPolicies, which say how policies are put into its clusters.",
      remedy: "Add neko-trust:admissionPolicies to the stack's file, or compile its policy from a file with --policy.",
    });
  }
  const engine = engineOf[target];
  const { sigstore } = enginesOf(settings, chosen);
  return {
    placement: engine === undefined ? placementOf(settings, chosen) : enginePlacementOf(settings, chosen, engine),
    ...(sigstore === undefined || sigstore === "public-good" ? {} : { tuf: sigstore }),
  };
}
