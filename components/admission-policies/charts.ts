import type * as kubernetes from "@pulumi/kubernetes";
import { namespaceSelector } from "../../src/core/compile/namespace-scope.ts";
import type { NamespaceScope } from "../../src/core/compile/namespace-scope.ts";
import { chartPin, imagePin, unresolved } from "../../src/core/pins/pins.ts";
import type { ImagePin, Pins } from "../../src/core/pins/pins.ts";
import { Failure } from "../../src/core/failure.ts";
import type { PlannedEngine } from "./engines.ts";
import type { EngineName, EnginesSettings } from "./settings.ts";

/** The engines' pinned charts and their values. Pure. */

/** What pins.yaml has to have for an engine that is installed. */
export const enginePins: Readonly<
  Record<EngineName, { readonly charts: readonly string[]; readonly images: readonly string[] }>
> = {
  kyverno: {
    charts: ["kyverno"],
    images: ["kyverno", "kyvernopre", "kyverno-reports-controller", "kyverno-cli", "kyverno-readiness-checker"],
  },
  policyController: { charts: ["policy-controller"], images: ["policy-controller", "policy-controller-kubectl"] },
  gatekeeper: { charts: ["gatekeeper"], images: ["gatekeeper", "gatekeeper-crds"] },
};

/** The Helm release's name, which the charts' objects begin with. */
export const releaseNames: Readonly<Record<EngineName, string>> = {
  kyverno: "kyverno",
  policyController: "policy-controller",
  gatekeeper: "gatekeeper",
};

const defaultReplicas = 3;
/** CRDs, certificates and three replicas take a few minutes on a small cluster. */
const timeoutSeconds = 600;

/** What a chart's values take as a tag: with the digest that it had, or, while nobody has looked, one that no registry has. */
function pinnedTag({ version, digest }: ImagePin): string {
  return digest === unresolved ? `${version}-unresolved` : `${version}@${digest}`;
}

type Values = Readonly<Record<string, unknown>>;

/** `registry/path` apart, as Kyverno's chart wants it. */
function parted(pin: ImagePin): Values {
  const slash = pin.repository.indexOf("/");
  return {
    registry: pin.repository.slice(0, slash),
    repository: pin.repository.slice(slash + 1),
    tag: pinnedTag(pin),
  };
}

/** Where an engine's webhook acts, and what it does to what it can't be asked about. */
interface WebhookPlacement {
  readonly scope: NamespaceScope;
  readonly rollout: "warn" | "enforce";
}

/** As the policies themselves: an engine that only warns stops nothing when it is gone. */
function failurePolicy({ rollout }: WebhookPlacement): "Fail" | "Ignore" {
  return rollout === "enforce" ? "Fail" : "Ignore";
}

const values: Readonly<Record<EngineName, (pins: Pins, replicas: number, placement: WebhookPlacement) => Values>> = {
  kyverno: (pins, replicas) => ({
    admissionController: {
      replicas,
      podDisruptionBudget: { enabled: true, minAvailable: 1 },
      initContainer: { image: parted(imagePin(pins, "kyvernopre")) },
      container: { image: parted(imagePin(pins, "kyverno")) },
    },
    // Neither makes, changes or deletes objects here: the fewer rights, the better.
    backgroundController: { enabled: false },
    cleanupController: { enabled: false },
    reportsController: { image: parted(imagePin(pins, "kyverno-reports-controller")) },
    crds: { migration: { image: parted(imagePin(pins, "kyverno-cli")) } },
    // On removal Kyverno's webhooks go first: one that is left with failurePolicy Fail stops the cluster.
    webhooksCleanup: { enabled: true, image: parted(imagePin(pins, "kyverno-readiness-checker")) },
    test: { image: parted(imagePin(pins, "kyverno-readiness-checker")) },
    features: {
      // An exception would be a way around the policy for whoever may write one.
      policyExceptions: { enabled: false },
      forceFailurePolicyIgnore: { enabled: false },
      registryClient: { allowInsecure: false },
      backgroundScan: { enabled: false },
    },
  }),
  policyController: (pins, replicas, placement) => {
    const image = imagePin(pins, "policy-controller");
    const kubectl = imagePin(pins, "policy-controller-kubectl");
    return {
      installCRDs: true,
      webhook: {
        replicaCount: replicas,
        failurePolicy: failurePolicy(placement),
        podDisruptionBudget: { enabled: true, minAvailable: 1 },
        // The chart takes a version that is a digest as one.
        image: {
          repository: image.repository,
          version: image.digest === unresolved ? pinnedTag(image) : image.digest,
        },
        // The same namespaces as the baseline's, instead of a label that each would need.
        namespaceSelector: { matchExpressions: selectorExpressions(placement.scope) },
        // What no policy matches is the baseline's. enable-oci11 is never set: it takes statements unverified.
        configData: { "no-match-policy": "allow", "fail-on-empty-authorities": "true" },
      },
      leasescleanup: {
        image: {
          repository: kubectl.repository,
          version: pinnedTag(kubectl),
        },
      },
    };
  },
  gatekeeper: (pins, replicas, placement) => {
    const image = imagePin(pins, "gatekeeper");
    const crds = imagePin(pins, "gatekeeper-crds");
    return {
      replicas,
      validatingWebhookFailurePolicy: failurePolicy(placement),
      validatingWebhookTimeoutSeconds: 10,
      // The webhook is asked about every object: without Gatekeeper, exempt namespaces have to go on.
      validatingWebhookExemptNamespacesLabels: exemptLabels(placement.scope),
      disableMutation: true,
      enableExternalData: false,
      image: { repository: image.repository, crdRepository: crds.repository, release: pinnedTag(image) },
      preInstall: { crdRepository: { image: { tag: pinnedTag(crds) } } },
      postInstall: {
        labelNamespace: { image: { repository: crds.repository, tag: pinnedTag(crds) } },
        // It would run an image of its own, to wait for what the release waits for anyway.
        probeWebhook: { enabled: false },
      },
      postUpgrade: { labelNamespace: { image: { repository: crds.repository, tag: pinnedTag(crds) } } },
      // On removal the webhooks go first: one that is left with failurePolicy Fail stops the cluster.
      preUninstall: {
        deleteWebhookConfigurations: {
          enabled: true,
          // The chart's binding (3.23.1) takes the account's name from here, where its values have none: without it the
          // API server refuses the binding, and the removal ends there.
          name: "gatekeeper-delete-webhook-configs",
          image: { repository: crds.repository, tag: pinnedTag(crds) },
        },
      },
    };
  },
};

/**
 * A scope as expressions only: Helm merges maps, so that the chart's own expression would stay beside labels; and the chart
 * takes a selector that is empty for none.
 */
function selectorExpressions(scope: NamespaceScope): Values[] {
  const { matchLabels = {}, matchExpressions = [] } = namespaceSelector(scope);
  const labels = Object.entries(matchLabels).map(([key, value]) => ({ key, operator: "In", values: [value] }));
  const expressions = [...matchExpressions, ...labels];
  return expressions.length > 0 ? expressions : [{ key: "kubernetes.io/metadata.name", operator: "Exists" }];
}

/** What Gatekeeper's chart leaves out of its webhook; it can name only what is exempt, not what is guarded. */
function exemptLabels(scope: NamespaceScope): Values {
  if (scope.kind !== "all-except" || scope.exempt.length === 0) return {};
  return { "kubernetes.io/metadata.name": scope.exempt.toSorted() };
}

/** An engine's Helm release. Throws PIN_MISSING (usage). */
export function engineReleaseArgs(
  name: EngineName,
  settings: NonNullable<EnginesSettings[EngineName]>,
  { pins, ...placement }: { readonly pins: Pins } & WebhookPlacement,
): kubernetes.helm.v3.ReleaseArgs {
  const [chartName = ""] = enginePins[name].charts;
  const pin = chartPin(pins, chartName);
  const fromOci = pin.repository.startsWith("oci://");
  return {
    name: releaseNames[name],
    namespace: settings.namespace,
    chart: fromOci ? pin.repository : (pin.chart ?? pin.name),
    version: pin.version,
    ...(fromOci ? {} : { repositoryOpts: { repo: pin.repository } }),
    values: values[name](pins, settings.replicas ?? defaultReplicas, placement),
    // A release that did not come up is taken back: a webhook without pods behind it refuses everything.
    atomic: true,
    waitForJobs: true,
    timeout: timeoutSeconds,
  };
}

/** Of each engine, in the same order, its Helm release; undefined where the cluster has it. Throws PINS_REQUIRED (usage). */
export function engineCharts(
  engines: readonly PlannedEngine[],
  pins: Pins | undefined,
  scope: NamespaceScope,
): (kubernetes.helm.v3.ReleaseArgs | undefined)[] {
  return engines.map(({ name, settings, rollout }) => {
    if (!settings.install) return undefined;
    if (pins === undefined) {
      throw new Failure({
        code: "PINS_REQUIRED",
        kind: "usage",
        message: `AdmissionPolicies is to install ${releaseNames[name]} and was given no pins.`,
        remedy: "Pass the pins of pins.yaml: charts are installed in the version and from the images that it names.",
      });
    }
    return engineReleaseArgs(name, settings, { pins, scope, rollout });
  });
}
