import type { Weakness } from "../../src/core/compile/engine-input/placement.ts";
import type { EngineRoots } from "../../src/core/compile/engine-input/roots.ts";
import { compile as compileGatekeeper } from "../../src/core/compile/gatekeeper/compile.ts";
import { compile as compileKyverno } from "../../src/core/compile/kyverno/compile.ts";
import { inScope } from "../../src/core/compile/namespace-scope.ts";
import { compile as compilePolicyController } from "../../src/core/compile/policy-controller/compile.ts";
import type { SigstoreKeysEntry } from "../../src/core/compile/policy-controller/objects.ts";
import type { ImageRelease } from "../../src/core/compile/validating-admission-policy/image-list.ts";
import { Failure } from "../../src/core/failure.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { engineNames, enginePlacementOf, enginesOf, placementOf } from "./settings.ts";
import type { AdmissionPoliciesSettings, EngineName, EnginesSettings } from "./settings.ts";

/** Settings → what each engine is given in one cluster. Pure. */

/** One custom object, as the engine's CRD has it. */
export interface EngineObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  readonly spec: object;
}

/** One engine in one cluster. */
export interface PlannedEngine {
  readonly name: EngineName;
  readonly settings: NonNullable<EnginesSettings[EngineName]>;
  readonly rollout: "warn" | "enforce";
  /** In the order that they are made in; each needs the one before where `chained`. */
  readonly objects: readonly EngineObject[];
  readonly chained: boolean;
  /** A private root for policy-controller. */
  readonly sigstoreKeys: SigstoreKeysEntry | undefined;
  /** Sentences that every run tells. */
  readonly warnings: readonly string[];
}

export interface EngineContext {
  readonly policy: TrustPolicy;
  readonly settings: AdmissionPoliciesSettings;
  readonly cluster: string;
  readonly releases: readonly ImageRelease[];
  readonly now: Date;
  /** The bytes that the policy pins; engines that verify signatures need them. */
  readonly trustedRoot: Uint8Array | undefined;
  /** What the cluster serves, by names of CRDs; undefined where nobody asked it (an offline preview). */
  readonly discovered: { readonly crds: readonly string[] } | undefined;
}

/** As people call them, and the CRD that has to be there. */
export const engineFacts: Readonly<Record<EngineName, { readonly title: string; readonly crd: string }>> = {
  kyverno: { title: "Kyverno", crd: "imagevalidatingpolicies.policies.kyverno.io" },
  policyController: { title: "policy-controller", crd: "clusterimagepolicies.policy.sigstore.dev" },
  gatekeeper: { title: "Gatekeeper", crd: "constrainttemplates.templates.gatekeeper.sh" },
};

/**
 * Every engine that the settings name for the cluster. Throws CRD_MISSING where one should be there and isn't, ENGINE_NAMESPACE_GUARDED,
 * ADMISSION_ROOT_MISSING, and what the compilers throw.
 */
export function plannedEngines(context: EngineContext): PlannedEngine[] {
  const engines = enginesOf(context.settings, context.cluster);
  return engineNames.flatMap((name) => {
    const settings = engines[name];
    if (settings === undefined) return [];
    requireCrd(name, settings, context);
    refuseGuardedNamespace(name, settings, context);
    return [planned(name, settings, context)];
  });
}

function planned(
  name: EngineName,
  settings: NonNullable<EnginesSettings[EngineName]>,
  context: EngineContext,
): PlannedEngine {
  const { policy, cluster, releases, now } = context;
  const placement = enginePlacementOf(context.settings, cluster, name);
  const baseline = placementOf(context.settings, cluster);
  const common = { name, settings, rollout: placement.rollout, sigstoreKeys: undefined, chained: false };
  const weaker =
    placement.rollout === "warn" && baseline.rollout === "enforce"
      ? [`${engineFacts[name].title} only warns in cluster "${cluster}", while the baseline enforces.`]
      : [];
  const warnings = (weaknesses: readonly Weakness[]): string[] => [
    ...weaker,
    ...weaknesses.map(({ message }) => `${engineFacts[name].title}: ${message}`),
  ];
  switch (name) {
    case "kyverno": {
      const { policies, weaknesses } = compileKyverno(policy, rootsFor(name, context), placement);
      return { ...common, objects: policies, warnings: warnings(weaknesses) };
    }
    case "policyController": {
      const compiled = compilePolicyController(policy, rootsFor(name, context), now, placement);
      const { policies, sigstoreKeys, weaknesses } = compiled;
      return { ...common, objects: policies, sigstoreKeys, warnings: warnings(weaknesses) };
    }
    case "gatekeeper": {
      // The baseline tells what is omitted: it is the same list.
      const { template, constraint } = compileGatekeeper(policy, releases, now, placement);
      return { ...common, objects: [template, constraint], chained: true, warnings: weaker };
    }
  }
}

function rootsFor(name: EngineName, { settings, cluster, trustedRoot }: EngineContext): EngineRoots {
  const { sigstore } = enginesOf(settings, cluster);
  if (trustedRoot === undefined || sigstore === undefined) {
    throw new Failure({
      code: "ADMISSION_ROOT_MISSING",
      kind: "usage",
      message: `${engineFacts[name].title} verifies signatures, and was given no trusted root for cluster "${cluster}".`,
      remedy: "Pass the bytes of the trusted_root.json that the policy pins as trustedRoot, and set engines.sigstore.",
    });
  }
  return sigstore === "public-good"
    ? { kind: "public-good", trustedRoot }
    : { kind: "private", trustedRoot, tuf: sigstore };
}

function requireCrd(name: EngineName, { install }: { install: boolean }, { cluster, discovered }: EngineContext): void {
  const { title, crd } = engineFacts[name];
  if (install || discovered === undefined || discovered.crds.includes(crd)) return;
  throw new Failure({
    code: "CRD_MISSING",
    kind: "refused",
    message: `Cluster "${cluster}" has no ${title} (it serves no ${crd}), but the settings say that it is there.`,
    remedy: `Install ${title} there, set engines.${name}.install to true, or take it out for this cluster in perCluster.`,
  });
}

/** The engine's own images are on no list: under the baseline its pods could never be made again. */
function refuseGuardedNamespace(
  name: EngineName,
  { install, namespace }: { install: boolean; namespace: string },
  { settings, cluster }: EngineContext,
): void {
  if (!install || !inScope(placementOf(settings, cluster).scope, { name: namespace, labels: {} })) return;
  throw new Failure({
    code: "ENGINE_NAMESPACE_GUARDED",
    kind: "usage",
    message: `${engineFacts[name].title} would be installed into namespace "${namespace}" of cluster "${cluster}", which the baseline guards: its own pods would be refused.`,
    remedy: `Add "${namespace}" to the scope's exempt namespaces, or install the engine elsewhere.`,
  });
}
