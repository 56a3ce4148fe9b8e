import type * as pulumi from "@pulumi/pulumi";
import { Failure } from "../../src/core/failure.ts";
import { chartPin, imagePin, pinnedImage, unresolved } from "../../src/core/pins/pins.ts";
import type { ImagePin, Pins } from "../../src/core/pins/pins.ts";
import type { ArcSettings, ScaleSet } from "./arc-settings.ts";
import { buildRunnersPins } from "./args.ts";
import { resourceList } from "./quantities.ts";
import type { Amounts } from "./quantities.ts";
import {
  controllerContainerContext,
  controllerPodContext,
  runnerContainerContext,
  runnerPodContext,
} from "./security-contexts.ts";
import { mergeValues } from "./merge-values.ts";
import type { Mergeable } from "./merge-values.ts";
import { valuesFaults } from "./values-lint.ts";
import type { ChartKind, Values } from "./values-lint.ts";

/** Settings and pins → the charts' sources and hardened values. Pure. */

/** The controller's account; the scale sets' charts bind their roles to it. */
export const controllerAccount = "arc-controller";
/** The runners' account: no token, no rights. */
export const runnerAccount = "arc-runner";

const bounded = (amounts: Amounts) => ({ requests: resourceList(amounts), limits: resourceList(amounts) });

/** Where a pinned chart comes from, as helm.v3.Release takes it. */
export function chartSource(
  pins: Pins,
  name: string,
): { chart: string; version: string; repositoryOpts?: { repo: string } } {
  const pin = chartPin(pins, name);
  if (pin.repository.startsWith("oci://")) return { chart: pin.repository, version: pin.version };
  return { chart: pin.chart ?? name, version: pin.version, repositoryOpts: { repo: pin.repository } };
}

/** The controller, watching the runners' namespace alone: its role elsewhere is none. */
export function controllerValues(settings: ArcSettings, pins: Pins): Values {
  const { resources, values = {} } = settings.controller;
  return hardened("controller", values, {
    replicaCount: 1,
    image: imageOf(imagePin(pins, buildRunnersPins.images[0])),
    serviceAccount: { create: true, name: controllerAccount },
    podSecurityContext: controllerPodContext,
    securityContext: controllerContainerContext,
    resources: bounded(resources),
    flags: {
      logLevel: "info",
      logFormat: "json",
      watchSingleNamespace: settings.namespaces.runners,
      // Old and new runners at once would not fit into the quota.
      updateStrategy: "eventual",
    },
  });
}

/**
 * The chart joins repository and tag by a colon, for the listener's image, too. With the digest's algorithm taken for
 * part of the repository, what comes out is a reference by digest alone.
 */
function imageOf(pin: ImagePin): { repository: string; tag: string; pullPolicy: string } {
  const [repository = "", tag = ""] =
    pin.digest === unresolved
      ? [pin.repository, `${pin.version}-unresolved`]
      : [`${pin.repository}@sha256`, pin.digest.slice("sha256:".length)];
  return { repository, tag, pullPolicy: "IfNotPresent" };
}

/** What of a scale set is only known once others are made. */
export interface ScaleSetPlace {
  /** `https://github.com/<organisation>`: runner groups belong to organisations. */
  readonly url: pulumi.Input<string>;
  /** The runner group's name. */
  readonly group: pulumi.Input<string>;
  /** Name of the Secret with the App's credentials. */
  readonly secret: string;
}

/** One scale set: pods that each run one job, without token, privilege, volume of the node or Docker. */
export function scaleSetValues(
  settings: ArcSettings,
  set: ScaleSet,
  place: ScaleSetPlace,
  pins: Pins,
): Record<string, pulumi.Input<unknown>> {
  const plain = hardened("scale-set", set.values ?? {}, {
    runnerScaleSetName: set.name,
    githubConfigSecret: place.secret,
    minRunners: set.minRunners,
    maxRunners: set.maxRunners,
    // Neither dind, which is privileged, nor the kubernetes modes, which let jobs read the App's Secret.
    containerMode: { type: "" },
    controllerServiceAccount: { namespace: settings.namespaces.controller, name: controllerAccount },
    listenerTemplate: {
      spec: {
        securityContext: controllerPodContext,
        containers: [
          {
            name: "listener",
            securityContext: controllerContainerContext,
            resources: bounded(settings.listener.resources),
          },
        ],
      },
    },
    template: {
      spec: {
        automountServiceAccountToken: false,
        serviceAccountName: runnerAccount,
        enableServiceLinks: false,
        hostNetwork: false,
        restartPolicy: "Never",
        securityContext: runnerPodContext,
        ...(set.nodeSelector === undefined ? {} : { nodeSelector: set.nodeSelector }),
        ...(set.tolerations === undefined ? {} : { tolerations: set.tolerations.map(tolerationOf) }),
        containers: [
          {
            name: "runner",
            image: pinnedImage(imagePin(pins, buildRunnersPins.images[1])),
            command: ["/home/runner/run.sh"],
            securityContext: runnerContainerContext,
            resources: bounded(set.resources),
            volumeMounts: [{ name: "work", mountPath: "/home/runner/_work" }],
          },
        ],
        volumes: [{ name: "work", emptyDir: { sizeLimit: set.resources.ephemeralStorage } }],
      },
    },
  });
  return { ...plain, githubConfigUrl: place.url, runnerGroup: place.group };
}

type Toleration = NonNullable<ScaleSet["tolerations"]>[number];

function tolerationOf({ key, operator, value, effect }: Toleration): Record<string, string> {
  return { key, operator, effect, ...(value === undefined ? {} : { value }) };
}

/**
 * The user's values under the component's. They are looked at again here, for callers that did not parse their settings
 * with the schema. Throws RUNNER_VALUES_UNSAFE (refused).
 */
function hardened(chart: ChartKind, given: Values, own: { readonly [key: string]: Mergeable }): Values {
  const faults = valuesFaults(given, chart);
  if (faults.length > 0) {
    throw new Failure({
      code: "RUNNER_VALUES_UNSAFE",
      kind: "refused",
      message: `The ${chart} chart's further values undo what the component hardens.`,
      remedy: "Take them out of buildRunners.arc.",
      details: faults.map(({ path, message }) => `${path.join(".")}: ${message}`),
    });
  }
  return mergeValues(given, own);
}
